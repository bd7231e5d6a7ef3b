import { Hono, type Context } from 'hono'
import { z } from 'zod'
import { findToken, installedLocations, issueLocationToken, issueToken } from '../store/oauth.ts'
import { HighlevelRefusal } from '../store/refusal.ts'
import type { HighlevelWorld } from '../store/world.ts'
import { requireVersion } from './gate.ts'

const text = z.string().optional()
const TokenRequest = z.object({
  client_id: text,
  client_secret: text,
  grant_type: text,
  code: text,
  refresh_token: text,
  user_type: text,
  redirect_uri: text,
})
const LocationToken = z.object({ companyId: text, locationId: text })
const DEFAULT_PAGE = 20
const MAX_PAGE = 100

/** The marketplace's OAuth; its requests are forms, never JSON. */
export function oauthApi(world: HighlevelWorld) {
  const { app } = world
  return new Hono()
    .post('/token', async (c) => {
      const asked = TokenRequest.parse(await readForm(c))
      const isElsewhere = asked.redirect_uri !== undefined && asked.redirect_uri !== app.redirectUrl
      if (asked.grant_type === 'authorization_code' && isElsewhere)
        throw new HighlevelRefusal(400, 'Invalid grant: redirect_uri does not match')
      return c.json(issueToken(world, asked))
    })
    .post('/locationToken', requireVersion, async (c) => {
      const company = companyOf(world, c, 'oauth.write')
      const asked = LocationToken.parse(await readForm(c))
      return c.json(issueLocationToken(world, company, asked), 201)
    })
    .get('/installedLocations', requireVersion, (c) => {
      const company = companyOf(world, c, 'oauth.readonly')
      const { companyId, appId, limit, skip } = c.req.query()
      if (companyId !== company.companyId)
        throw new HighlevelRefusal(403, 'The token does not have access to this company.')
      if (appId !== app.id)
        throw new HighlevelRefusal(422, 'Unprocessable Entity', ['appId is wrong'])
      const page = {
        limit: Math.min(Number(limit ?? DEFAULT_PAGE), MAX_PAGE),
        skip: Number(skip ?? 0),
      }
      return c.json(installedLocations(world, company, page))
    })
}

function companyOf(world: HighlevelWorld, c: Context, scope: string) {
  const token = findToken(world, c.req.header('authorization'))
  if (!world.app.scopes.includes(scope) || token.kind !== 'Company')
    throw new HighlevelRefusal(401, 'The token is not authorized for this scope.')
  return token
}

async function readForm(c: Context): Promise<Record<string, unknown>> {
  const type = c.req.header('content-type') ?? ''
  if (!type.startsWith('application/x-www-form-urlencoded'))
    throw new HighlevelRefusal(422, 'Unprocessable Entity', ['client_id should not be empty'])
  return c.req.parseBody()
}
