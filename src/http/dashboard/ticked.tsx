/** @jsxImportSource hono/jsx */
import { Hono } from 'hono'
import { useContext } from 'hono/jsx'

import { replay, type Replayed } from '../../deliveries/replay.ts'
import { SOURCES, type Source } from '../../webhook-sources.ts'
import { audited } from '../../operate/audit.ts'
import { PAGE_ROWS } from '../../db/cursor.ts'
import { count } from '../../print/text.ts'
import { requestOf } from './acting.ts'
import { Confirm } from './confirm.tsx'
import { readForm } from './form.ts'
import { addressOf, Around } from './kit.tsx'
import type { DashboardDeps, Env, Show } from './show.tsx'

type Key = { source: Source; deliveryId: string }

const FORM = 'ticked'
const BACK = '/deliveries'

/** Takes a delivery of the list into what is replayed together; it works without a script. */
export const Tick = ({ source, deliveryId, name }: Key & { name: string }) => (
  <input
    type="checkbox"
    form={FORM}
    name="one"
    value={write({ source, deliveryId })}
    aria-label={`Select ${name}`}
  />
)

/** Leads to where somebody is asked about those that are ticked. */
export function ReplayTicked() {
  const { basePath } = useContext(Around)
  return (
    <form id={FORM} method="get" action={addressOf(basePath, `${BACK}/ticked`)} class="noprint">
      <button type="submit">Replay selected</button>
    </form>
  )
}

/** What was ticked in the list of deliveries is replayed: said beforehand, on record, and safe to press twice. */
export function tickedPage(show: Show, deps: DashboardDeps) {
  return new Hono<Env>()
    .get('/', async (c) => {
      const ticked = readKeys(c.req.queries('one') ?? [])
      const many = count(ticked.length, 'delivery', 'deliveries')
      return show(
        c,
        { title: 'Replay', section: 'Deliveries' },
        <Confirm
          title={`Replay ${many}?`}
          says={[
            'What they are about is looked at again. Nothing is charged, recorded or refunded twice.',
          ]}
          press={`Replay ${many}`}
          to={`${BACK}/ticked`}
          back={BACK}
          fields={{ ticked: ticked.map(write).join(' ') }}
          whyNot={ticked.length === 0 ? 'none is selected' : undefined}
        />,
      )
    })
    .post('/', async (c) => {
      const { ticked = '' } = await readForm(c)
      const keys = readKeys(ticked.split(' '))
      const request = await requestOf(c, 'replay', 'selected deliveries')
      await audited(deps, request, async () => {
        const actor = { who: request.who, role: request.role, isOnRecord: true }
        const done: Record<Replayed, number> = { queued: 0, kept: 0, emptied: 0, unknown: 0 }
        for (const key of keys) done[await replay(deps, key, actor)] += 1
        const { queued, kept, emptied, unknown } = done
        const said = `${queued} are read again, ${kept} are about nothing of ours, ${emptied} are empty, ${unknown} are not there`
        return { isDone: queued > 0, said }
      })
      return c.redirect(`${show.basePath}/dashboard${BACK}?done=${request.formId}`, 303)
    })
}

const write = ({ source, deliveryId }: Key) => `${source}:${encodeURIComponent(deliveryId)}`

/** No more than a page of the list has, each once. */
function readKeys(written: readonly string[]): Key[] {
  const keys = [...new Set(written)].flatMap((one): Key[] => {
    const source = SOURCES.find((name) => one.startsWith(`${name}:`))
    return source ? [{ source, deliveryId: decode(one.slice(source.length + 1)) }] : []
  })
  return keys.slice(0, PAGE_ROWS)
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
