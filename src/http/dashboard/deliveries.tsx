/** @jsxImportSource hono/jsx */
import { Hono } from 'hono'
import { HTTPException } from 'hono/http-exception'

import {
  countReplayable,
  MAX_REPLAYED,
  replay,
  replayAll,
  type Replayed,
} from '../../deliveries/replay.ts'
import { Filter as ReplayFilter, OUTCOMES } from '../../deliveries/filter.ts'
import { listRefused } from '../../inbox/refused.ts'
import { SOURCES } from '../../webhook-sources.ts'
import { audited, isOnRecord } from '../../operate/audit.ts'
import {
  listDeliveries,
  readDelivery,
  readSubjects,
  readWritten,
  type ListedDelivery,
} from '../../report/dashboard/deliveries.ts'
import { readJobsOf } from '../../report/dashboard/jobs-of.ts'
import { count } from '../../print/text.ts'
import { requestOf } from './acting.ts'
import { Confirm } from './confirm.tsx'
import { readForm } from './form.ts'
import { Link, When } from './kit.tsx'
import { answerCsv, asCsvAsked, readAll } from './csv.ts'
import { DeliveryPage } from './delivery.tsx'
import { Choose, Filter, Input } from './filter.tsx'
import { refusedPage } from './refused.tsx'
import { ReplayTicked, tickedPage } from './ticked.tsx'
import { SOURCE_WORDS } from './words.ts'
import { DeliveryTable } from './delivery-table.tsx'
import { given, givenDay, givenOf, inPath, withQuery } from './query.ts'
import {
  showNothing,
  type DashboardContext,
  type DashboardDeps,
  type Env,
  type Show,
} from './show.tsx'
import { ListHead, Pager } from './table.tsx'

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
const OUTCOME_WORDS = {
  read: 'read',
  waiting: 'waiting to be read',
  kept: 'kept: about nothing of ours',
  failed: 'given up',
} as const

/** The inbox: every webhook that was verified, and what came of it. */
export function deliveryPages(show: Show, deps: DashboardDeps) {
  const { db } = deps
  const find = (c: DashboardContext) => {
    const source = SOURCES.find((one) => one === c.req.param('source'))
    return source && readDelivery(db, source, c.req.param('id') ?? '')
  }
  const propsOf = async (delivery: NonNullable<Awaited<ReturnType<typeof readDelivery>>>) => {
    const subject = (await readSubjects(db, [delivery]))(delivery)
    const written = subject ? await readWritten(db, delivery, subject.receivableId) : []
    const jobs = await readJobsOf(db, deps.queue.schema, delivery)
    return { delivery, subject, written, jobs }
  }

  return (
    new Hono<Env>()
      .get('/', async (c) => {
        const asked = readAsked(c)
        if (asCsvAsked(c)) {
          const filter = { ...asked, since: givenDay(c, 'since') }
          const pages = readAll(
            (cursor, limit) => listDeliveries(db, filter, cursor, limit),
            (items) => items.map(asCells),
          )
          return answerCsv(c, 'deliveries', CSV_COLUMNS, pages)
        }
        const refused = await listRefused(db, deps.now())
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
            <ListHead title="Deliveries" to="/deliveries" given={asked}>
              <div class="buttons noprint">
                {items.length > 0 && <ReplayTicked />}
                <Link to={withQuery('/deliveries/replay', asked)} class="button">
                  Replay all that match
                </Link>
              </div>
            </ListHead>
            <div class="intro">
              <p class="soft">
                Every webhook whose signature was right, the newest first. Of one that was refused
                nothing is kept but that it was, whence, and why.
              </p>
              {refused.map(({ source, count: many, reason, lastAt }) => (
                <p class="notice warn">
                  {many} of {SOURCE_WORDS[source]} refused in the last day, the last{' '}
                  <When at={lastAt} only="age" />: “{reason}”{' '}
                  <Link to="/deliveries/refused">Which they were</Link>
                </p>
              ))}
            </div>
            <DeliveryFilter asked={asked} />
            <DeliveryTable
              deliveries={items}
              subjectOf={await readSubjects(db, items)}
              isTickable
              empty="No delivery is like that. Webhooks of Lago and Dodo are here as soon as they arrive."
            />
            <Pager to="/deliveries" given={asked} before={before} next={next} />
          </>,
        )
      })
      .route('/refused', refusedPage(show, deps))
      .route('/ticked', tickedPage(show, deps))
      .get('/replay', async (c) => {
        const asked = readAsked(c)
        const { deliveries: many, subjects } = await countReplayable(deps, replayFilterOf(asked))
        return show(
          c,
          { title: 'Replay', section: 'Deliveries' },
          <Confirm
            title={`Replay ${count(many, 'delivery', 'deliveries')}?`}
            says={[
              `Looks at ${count(subjects, 'thing')} again that they are about, behind what is new. Nothing is charged, recorded or refunded twice.`,
            ]}
            press={`Replay ${count(many, 'delivery', 'deliveries')}`}
            to="/deliveries/replay"
            back={withQuery('/deliveries', asked)}
            fields={asFields(asked)}
            whyNot={whyNotReplay(many)}
          />,
        )
      })
      .post('/replay', async (c) => {
        const { source, event, outcome, since, about } = await readForm(c)
        const fields = { source, event, outcome, since, about }
        const read = ReplayFilter.safeParse(asFields(fields))
        const request = await requestOf(c, 'replay', 'deliveries')
        await audited(deps, request, async () => {
          if (!read.success) return { isDone: false, said: 'it is not said which deliveries' }
          const actor = { who: request.who, role: request.role, isOnRecord: true }
          const done = await replayAll(deps, read.data, actor)
          return done
            ? {
                isDone: true,
                said: `${done.queued} are read again, ${done.kept} are about nothing of ours, ${done.emptied} are empty`,
              }
            : { isDone: false, said: `more than ${MAX_REPLAYED} match: narrow them down` }
        })
        const path = `${show.basePath}/dashboard${withQuery('/deliveries', fields)}`
        return c.redirect(`${path}${path.includes('?') ? '&' : '?'}done=${request.formId}`, 303)
      })
      .get('/:source/:id', async (c) => {
        const delivery = await find(c)
        if (!delivery) return showNothing(show, c, 'The bridge has no such delivery.')
        const page = { title: delivery.eventType, section: 'Deliveries' } as const
        const body = c.get('session')?.role === 'admin' ? 'covered' : 'withheld'
        return show(c, page, <DeliveryPage {...await propsOf(delivery)} body={body} />)
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
        // The form of another press is on record for something else.
        if (!(await isOnRecord(deps, request))) throw new HTTPException(403)
        const page = { title: delivery.eventType, section: 'Deliveries' } as const
        return show(c, page, <DeliveryPage {...await propsOf(delivery)} body="revealed" />)
      })
  )
}

const replayFilterOf = (asked: Readonly<Record<string, string | undefined>>) =>
  ReplayFilter.parse(asFields(asked))

/** What is said, and nothing of what is not. */
const asFields = (asked: Readonly<Record<string, string | undefined>>) =>
  Object.fromEntries(
    Object.entries(asked).flatMap(([name, value]): [string, string][] =>
      value ? [[name, value]] : [],
    ),
  )

function whyNotReplay(many: number): string | undefined {
  if (many === 0) return 'no delivery is like that'
  return many > MAX_REPLAYED ? `more than ${MAX_REPLAYED} match: narrow them down` : undefined
}

const CSV_COLUMNS = ['received_at', 'source', 'delivery_id', 'event', 'about_kind', 'about'].concat(
  ['read_at', 'outcome'],
)
const asCells = (one: ListedDelivery) => [
  one.receivedAt.toISOString(),
  one.source,
  one.deliveryId,
  one.eventType,
  one.wakes,
  one.wakesKey,
  one.processedAt?.toISOString() ?? null,
  one.outcome,
]

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
