import { desc, eq, sql } from 'drizzle-orm'

import { deliveries, payments, receivables } from '../db/schema.ts'
import { count } from '../print/text.ts'
import { lastSweptAt } from '../sweep.ts'
import { fail, ok, warn, type Check } from './check.ts'
import { countReplicas } from './database.ts'
import { ageOf } from './text.ts'

const START = 'start the bridge; if it runs, look at its log'
const LATE_MS = 60_000
const INTERVALS = 3
const WEEK = sql`now() - interval '7 days'`
/** Dodo's documented limit for an account that nobody has raised. */
const DODO_DEFAULT_PER_MINUTE = 240
const MINUTE_MS = 60_000

export const queue: Check = {
  id: 'queue',
  needs: ['schema'],
  async run({ ledger, now }) {
    const { sql: client, db, installation } = await ledger()
    const [jobs] = await client<{ due: number; oldest: Date | null; dead: number }[]>`
      select
        count(*) filter (where name not like '%-dead' and state in ('created', 'retry') and start_after <= now())::int as due,
        min(start_after) filter (where name not like '%-dead' and state in ('created', 'retry') and start_after <= now()) as oldest,
        count(*) filter (where name like '%-dead' and state < 'completed')::int as dead
      from ${client(installation.queueSchema)}.job`
    const beat = await db.query.pulse.findFirst()
    const waiting = jobs?.oldest
      ? `${count(jobs.due, 'job')} due, the oldest since ${ageOf(jobs.oldest, now())}`
      : 'nothing is due'
    if (!beat) return fail(`no bridge has worked on this database yet; ${waiting}`, START)
    const age = `last sign of life ${ageOf(beat.beatAt, now())} ago`
    if (now().getTime() - beat.beatAt.getTime() > LATE_MS)
      return fail(`nobody works the queue: ${age}; ${waiting}`, START)
    if (jobs && jobs.dead > 0) {
      return warn(
        `${count(jobs.dead, 'job')} gave up; ${waiting}`,
        'look for `job buried` in the log; the sweep tries again',
      )
    }
    return ok(`${waiting}; ${age}`)
  },
}

export const sweep: Check = {
  id: 'sweep',
  needs: ['schema'],
  async run({ ledger, config, now }) {
    const { db } = await ledger()
    const at = await lastSweptAt(db)
    const every = `one each ${config.reconcileEveryMs / 1_000} s`
    if (!at) return warn(`none was completed yet, ${every}`, START)
    const evidence = `the last one began ${ageOf(at, now())} ago, ${every}`
    const isLate = now().getTime() - at.getTime() > INTERVALS * config.reconcileEveryMs + LATE_MS
    return isLate
      ? fail(evidence, 'look for `sweep failed` in the log: which service is away?')
      : ok(evidence)
  },
}

export const attention: Check = {
  id: 'attention',
  needs: ['schema'],
  async run({ ledger }) {
    const { db } = await ledger()
    const code = sql<string>`coalesce(${receivables.reasonCode}, 'gave_up')`
    const many = sql<number>`count(*)::int`
    const byCode = await db
      .select({ code, many })
      .from(receivables)
      .where(eq(receivables.state, 'attention'))
      .groupBy(code)
      .orderBy(desc(many), code)
    const all = byCode.reduce((sum, one) => sum + one.many, 0)
    if (all === 0) return ok('nothing needs a person')
    const each = byCode.map((one) => `${one.many} ${one.code}`).join(', ')
    return warn(
      `${count(all, 'thing')} that a person must look at: ${each}`,
      'run `bridge attention`',
    )
  },
}

export const replicas: Check = {
  id: 'replicas',
  needs: ['schema'],
  async run({ ledger, config }) {
    const alive = await countReplicas((await ledger()).sql)
    const limits = config.rateLimits.Dodo.map(
      ({ most, lengthMs }) => `${most} in ${lengthMs / 1_000} s`,
    )
    const evidence = `${alive} alive, which divide ${limits.join(' and ')} of requests to Dodo`
    const isOver = config.rateLimits.Dodo.some(
      ({ most, lengthMs }) => lengthMs === MINUTE_MS && most > DODO_DEFAULT_PER_MINUTE,
    )
    return isOver
      ? warn(
          evidence,
          `Dodo's limit is ${DODO_DEFAULT_PER_MINUTE} a minute, unless it has raised yours: set DODO_RATE_LIMIT`,
        )
      : ok(evidence)
  },
}

export const recovery: Check = {
  id: 'dodo.recovery',
  needs: ['schema'],
  async run({ ledger }) {
    const { db } = await ledger()
    const [strangers, dunning] = await Promise.all([
      db.$count(
        payments,
        sql`${payments.attemptId} is null and not ${payments.isSetup} and ${payments.madeAt} > ${WEEK}`,
      ),
      db.$count(
        deliveries,
        sql`${deliveries.eventType} like 'dunning.%' and ${deliveries.receivedAt} > ${WEEK}`,
      ),
    ])
    if (strangers + dunning === 0) return ok('in 7 days nothing was collected past the bridge')
    const seen = [
      ...(strangers > 0
        ? [`${count(strangers, 'payment')} that no checkout of the bridge asked for`]
        : []),
      ...(dunning > 0 ? [`${count(dunning, 'event')} of Dodo's own dunning`] : []),
    ]
    return warn(
      `in 7 days ${seen.join(', and ')}`,
      'Dodo > Settings > Recovery: turn off abandoned cart recovery, payment retries and subscription dunning',
    )
  },
}

export const collecting: Check = {
  id: 'collect_since',
  needs: ['schema'],
  async run({ ledger, config }) {
    const { db } = await ledger()
    const left = await db.$count(
      receivables,
      sql`${receivables.state} = 'skipped' and ${receivables.reason} like '%older than this installation%'`,
    )
    if (left === 0) return ok('no old invoice is left alone')
    const evidence = `${count(left, 'invoice')} older than this installation are not collected`
    return config.collectSince === undefined
      ? warn(evidence, 'set COLLECT_SINCE to all, or to a date')
      : ok(`${evidence}, and COLLECT_SINCE is set: the next sweep decides`)
  },
}
