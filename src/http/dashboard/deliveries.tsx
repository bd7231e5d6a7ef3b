/** @jsxImportSource hono/jsx */
import { Hono } from 'hono'

import { replay, type Replayed } from '../../deliveries/replay.ts'
import { audited } from '../../operate/audit.ts'
import {
  listDeliveries,
  OUTCOMES,
  readDelivery,
  SOURCES,
} from '../../report/dashboard/deliveries.ts'
import { requestOf } from './acting.ts'
import { DeliveryPage } from './delivery.tsx'
import { Choose, Filter, Input } from './filter.tsx'
import { DeliveryTable } from './delivery-table.tsx'
import { given, givenDay, givenOf, inPath, withQuery } from './query.ts'
import {
  showNothing,
  type DashboardContext,
  type DashboardDeps,
  type Env,
  type Show,
} from './show.tsx'
import { Pager } from './table.tsx'

const LABELS = {
  source: 'from',
  event: 'event',
  outcome: 'outcome',
  since: 'since',
  about: 'about',
}
/** What came of putting a delivery through again. */
const REPLAYED: Readonly<Record<Replayed, string>> = {
  queued: 'it is read again, and what it is about is looked at',
  kept: 'it is about nothing of ours',
  emptied: 'its body was let go of, so nothing is left to read',
  unknown: 'the bridge has no such delivery',
}
const SOURCE_WORDS = { lago: 'Lago', dodo: 'Dodo' } as const
const OUTCOME_WORDS = { read: 'read', waiting: 'waiting to be read' } as const

/** The inbox: every webhook that was verified, and what came of it. */
export function deliveryPages(show: Show, deps: DashboardDeps) {
  const { db } = deps
  const find = (c: DashboardContext) => {
    const source = SOURCES.find((one) => one === c.req.param('source'))
    return source && readDelivery(db, source, c.req.param('id') ?? '')
  }

  return (
    new Hono<Env>()
      .get('/', async (c) => {
        const asked = readAsked(c)
        const before = given(c, 'before')
        const { items, next } = await listDeliveries(
          db,
          { ...asked, since: givenDay(c, 'since') },
          before,
        )
        return show(
          c,
          { title: 'Deliveries', section: 'Deliveries' },
          <>
            <div class="intro">
              <h1>Deliveries</h1>
              <p class="soft">
                Every webhook whose signature was right, the newest first. One that was refused is
                in the log alone.
              </p>
            </div>
            <DeliveryFilter asked={asked} />
            <DeliveryTable
              deliveries={items}
              empty="No delivery is like that. Webhooks of Lago and Dodo are here as soon as they arrive."
            />
            <Pager
              first={before && withQuery('/deliveries', asked)}
              next={next && withQuery('/deliveries', { ...asked, before: next })}
            />
          </>,
        )
      })
      .get('/:source/:id', async (c) => {
        const delivery = await find(c)
        if (!delivery) return showNothing(show, c, 'The bridge has no such delivery.')
        const page = { title: delivery.eventType, section: 'Deliveries' } as const
        return show(c, page, <DeliveryPage delivery={delivery} isRevealed={false} />)
      })
      .post('/:source/:id/replay', async (c) => {
        const delivery = await find(c)
        if (!delivery) return showNothing(show, c, 'The bridge has no such delivery.')
        const { source, deliveryId } = delivery
        const request = await requestOf(c, 'replay', `delivery ${source} ${deliveryId}`)
        await audited(deps, request, async () => {
          const actor = { who: request.who, role: request.role, isOnRecord: true }
          const outcome = await replay(deps, delivery, actor)
          return { isDone: outcome === 'queued', said: REPLAYED[outcome] }
        })
        const path = `${show.basePath}/dashboard/deliveries/${source}/${inPath(deliveryId)}`
        return c.redirect(`${path}?done=${request.formId}`, 303)
      })
      // Shown in the answer itself: no address leads to somebody's personal data without a press that is on record.
      .post('/:source/:id/reveal', async (c) => {
        const delivery = await find(c)
        if (!delivery) return showNothing(show, c, 'The bridge has no such delivery.')
        const { source, deliveryId } = delivery
        const request = await requestOf(c, 'show personal data', `delivery ${source} ${deliveryId}`)
        await audited(deps, request, async () => ({ isDone: true, said: 'shown' }))
        const page = { title: delivery.eventType, section: 'Deliveries' } as const
        return show(c, page, <DeliveryPage delivery={delivery} isRevealed />)
      })
  )
}

const readAsked = (c: DashboardContext) => ({
  source: givenOf(c, 'source', SOURCES),
  event: given(c, 'event'),
  outcome: givenOf(c, 'outcome', OUTCOMES),
  since: givenDay(c, 'since')?.toISOString().slice(0, 10),
  about: given(c, 'about'),
})

const DeliveryFilter = ({ asked }: { asked: ReturnType<typeof readAsked> }) => (
  <Filter to="/deliveries" given={asked} labels={LABELS}>
    <Choose
      label="From"
      name="source"
      value={asked.source}
      any="both"
      choices={SOURCES.map((source) => [source, SOURCE_WORDS[source]])}
    />
    <Input label="Event" name="event" value={asked.event} />
    <Choose
      label="Outcome"
      name="outcome"
      value={asked.outcome}
      any="any"
      choices={OUTCOMES.map((outcome) => [outcome, OUTCOME_WORDS[outcome]])}
    />
    <Input label="Since" name="since" type="date" value={asked.since} />
    <Input label="About this id" name="about" value={asked.about} />
  </Filter>
)
