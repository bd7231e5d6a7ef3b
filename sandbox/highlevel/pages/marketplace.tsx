/** @jsxImportSource hono/jsx */
import { type Context, Hono } from 'hono'
import { z } from 'zod'
import { Act, Page, Select } from '../../kit/page.tsx'
import { readInput } from '../../kit/switches.tsx'
import type { HighlevelActs } from '../store/acts.ts'
import { HighlevelRefusal } from '../store/refusal.ts'
import type { HighlevelWorld } from '../store/world.ts'

const Consent = z.object({ who: z.string().min(1) })
const AGENCY = 'company:'

/** The consent page of the marketplace. What it hands back has no `state`. */
export function marketplacePages(world: HighlevelWorld, acts: HighlevelActs) {
  const { store, app } = world
  return new Hono()
    .get('/chooselocation', (c) => {
      assertAsked(world, c)
      return c.html(
        <Page title="Choose where to install the app">
          <p class="quiet">It asks for {c.req.query('scope')}</p>
          <Act to="" main label="Allow">
            <Select label="where" name="who">
              {[...store.locations.values()].map(({ id, name }) => (
                <option value={id}>{name}</option>
              ))}
              {[...new Set([...store.locations.values()].map((one) => one.companyId))].map((id) => (
                <option value={`${AGENCY}${id}`}>all of agency {id}</option>
              ))}
            </Select>
          </Act>
        </Page>,
      )
    })
    .post('/chooselocation', async (c) => {
      assertAsked(world, c)
      const { who } = await readInput(c, Consent)
      const code = who.startsWith(AGENCY)
        ? installAgency(who.slice(AGENCY.length))
        : acts.install(who)
      const target = new URL(app.redirectUrl)
      target.searchParams.set('code', code)
      return c.redirect(target.href, 302)
    })

  function installAgency(companyId: string): string {
    const locations = [...store.locations.values()].filter((one) => one.companyId === companyId)
    return acts.installCompany(
      companyId,
      locations.map(({ id }) => id),
    )
  }
}

/** What the link to the consent page must say: the app, its redirect, and no scope that it does not have. */
function assertAsked({ app }: HighlevelWorld, c: Context) {
  const { response_type, client_id, redirect_uri, scope = '' } = c.req.query()
  const scopes = scope.split(' ').filter((one) => one !== '')
  if (response_type !== 'code') throw new HighlevelRefusal(400, 'response_type must be code')
  if (client_id !== app.clientId) throw new HighlevelRefusal(400, 'client_id is unknown')
  if (redirect_uri !== app.redirectUrl)
    throw new HighlevelRefusal(400, 'redirect_uri does not match')
  const strange = scopes.filter((one) => !app.scopes.includes(one))
  if (scopes.length === 0 || strange.length > 0)
    throw new HighlevelRefusal(400, `scope is not of the app: ${strange.join(' ')}`)
}
