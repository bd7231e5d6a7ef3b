import { Hono, type Context } from 'hono'
import { z } from 'zod'

import type { Actor } from '../collect/record-action.ts'
import { Filter } from '../deliveries/filter.ts'
import { forgetDeadLetters, listDeadLetters, redrive } from '../deliveries/dead-letters.ts'
import { findDelivery, listDeliveries, readCursor } from '../deliveries/list.ts'
import { countReplayable, MAX_REPLAYED, replay, replayAll } from '../deliveries/replay.ts'
import type { Deps } from '../deps.ts'
import { JOB_KINDS } from '../jobs.ts'
import { withinMs } from '../metrics/ledger.ts'
import type { Visit } from './admin.ts'
import { limitBody, read, readJson } from './api/reading.ts'
import { listRefused } from '../inbox/refused.ts'
import { SOURCES } from '../webhook-sources.ts'

type Serving = Pick<Deps, 'db' | 'queue' | 'now'>

const DEFAULT_PAGE = 50
const MAX_PAGE = 500
/** A filter that finds nothing must not read the whole inbox for a minute. */
const LIST_MS = 10_000
const BY_TOKEN: Actor = { who: 'api', role: 'admin' }

const Source = z.enum(SOURCES)
const Paging = {
  limit: z.coerce
    .number(`write a number up to ${MAX_PAGE}`)
    .int()
    .min(1)
    .max(MAX_PAGE)
    .default(DEFAULT_PAGE),
  before: z
    .string()
    .transform(readCursor)
    .refine((cursor) => cursor !== undefined, 'take it from `next` of the page before')
    .optional(),
}
export const DeliveryQuery = Filter.extend(Paging)
export const Bulk = Filter.extend({ dryRun: z.boolean().default(false) })
export const DeadQuery = z.strictObject({
  kind: z.enum(JOB_KINDS, `write ${JOB_KINDS.join(', ')}`).optional(),
  key: z.string().min(1).optional(),
  error: z.string().min(1).optional(),
})
export const Forgetting = DeadQuery.extend({ reason: z.string().min(1, 'say why').max(300) })

/** The inbox, for operators: looked at, and put through again. */
export function deliveriesApi({ db, queue, now }: Serving) {
  const deps = { db, queue, now }
  return new Hono<Visit>()
    .use(limitBody)
    .get('/', async (c) => {
      const { limit, before, ...filter } = read(DeliveryQuery, c.req.query())
      return c.json(
        await withinMs(db, LIST_MS, (tx) =>
          listDeliveries(tx, { filter, before, limit, now: now() }),
        ),
      )
    })
    .post('/replay', async (c) => {
      const { dryRun, ...filter } = read(Bulk, await readJson(c))
      if (dryRun) return c.json(await countReplayable(deps, filter))
      const counted = await replayAll(deps, filter, BY_TOKEN)
      if (counted) return c.json(counted, 202)
      return c.json({ error: `more than ${MAX_REPLAYED} match: narrow it` }, 409)
    })
    .get('/refused', async (c) => {
      const items = (await listRefused(db, now())).flatMap(({ source, latest }) =>
        latest.map((one) => ({ source, ...one })),
      )
      return c.json({
        items: items.toSorted((one, other) => other.at.getTime() - one.at.getTime()),
        next: null,
      })
    })
    .get('/:source/:deliveryId', async (c) => {
      const delivery = await findDelivery(db, keyOf(c), { withBody: c.get('role') === 'admin' })
      return delivery ? c.json(delivery) : c.json(NEVER_CAME, 404)
    })
    .post('/:source/:deliveryId/replay', async (c) => {
      const outcome = await replay(deps, keyOf(c), BY_TOKEN)
      if (outcome === 'unknown') return c.json(NEVER_CAME, 404)
      if (outcome === 'emptied') return c.json(EMPTIED, 409)
      return c.json({ outcome }, outcome === 'queued' ? 202 : 200)
    })
}

const NEVER_CAME = { error: 'no such delivery came' }
const EMPTIED = { error: 'its body was let go of (RETENTION, or forget): nothing is left to read' }

/** Work that gave up, for operators: looked at, run again, put away. */
export function deadLettersApi({ db, queue, now }: Serving) {
  const deps = { db, queue, now }
  return new Hono<Visit>()
    .use(limitBody)
    .get('/', async (c) =>
      c.json({ ...(await listDeadLetters(db, read(DeadQuery, c.req.query()))), next: null }),
    )
    .post('/redrive', async (c) => {
      const filter = read(DeadQuery, await readJson(c))
      return c.json({ redriven: await redrive(deps, filter, BY_TOKEN) }, 202)
    })
    .post('/forget', async (c) => {
      const { reason, ...filter } = read(Forgetting, await readJson(c))
      const forgotten = await forgetDeadLetters(deps, filter, { reason, actor: BY_TOKEN })
      return c.json({ forgotten })
    })
}

function keyOf(c: Context<Visit, '/:source/:deliveryId'>) {
  const { source, deliveryId } = c.req.param()
  return { source: read(Source, source), deliveryId }
}
