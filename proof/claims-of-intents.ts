import { and, eq, like } from 'drizzle-orm'

import type { Database } from '../src/db/client.ts'
import { attempts, credits, intents, recordings, refundOrders } from '../src/db/schema.ts'
import { refundsNamedBy, textOf, type Violation } from './books.ts'
import { LOOKS, part, receivableNamed, UNANSWERED_MS, type Creation, type Sent } from './sent.ts'

/** I3: as a call that creates something leaves, its intent is committed, which only another connection can tell. */
export async function intendedBefore(
  db: Database,
  { what, key, about }: Creation,
  isElsewhere = false,
): Promise<Violation[]> {
  const rows = await committed(db, { what, key, about }, isElsewhere)
  const story = `a ${what} (${key}) is asked for, and no intent of it is committed`
  return rows > 0 ? [] : [{ rule: 'I3', story }]
}

/** `isElsewhere`: on another account than the one that collects for Lago, which its intents name. */
async function committed(
  db: Database,
  { what, key, about }: Creation,
  isElsewhere: boolean,
): Promise<number> {
  const metadata = part(about, 'metadata')
  switch (what) {
    case 'charge':
    case 'checkout':
      return db.$count(
        attempts,
        and(
          eq(attempts.receivableId, receivableNamed(metadata)),
          eq(attempts.number, Number(metadata['bridge_attempt'])),
          eq(attempts.status, 'intended'),
        ),
      )
    case 'refund':
      return db.$count(
        refundOrders,
        and(
          eq(refundOrders.id, textOf(metadata['bridge_refund'])),
          eq(refundOrders.status, 'intended'),
        ),
      )
    case 'payment':
      return db.$count(
        recordings,
        and(
          eq(recordings.dodoPaymentId, textOf(about['reference'])),
          eq(recordings.receivableId, textOf(about['invoice_id'])),
          eq(recordings.status, 'intended'),
        ),
      )
    case 'credit_note':
      return db.$count(
        credits,
        and(
          eq(
            credits.dodoRefundId,
            refundsNamedBy(about as Parameters<typeof refundsNamedBy>[0])[0] ?? '',
          ),
          eq(credits.receivableId, textOf(about['invoice_id'])),
          eq(credits.status, 'intended'),
        ),
      )
    case 'customer':
    case 'product':
    case 'setup':
      return db.$count(
        intents,
        isElsewhere
          ? like(intents.key, `%${what}:%${key.replace(DEFAULT, '')}`)
          : eq(intents.key, `${what}:${key}`),
      )
  }
}

/** Which account it is, is in the key of a contact: `readSent` knows only of the one that collects for Lago. */
const DEFAULT = /^highlevel:default:/

/** What became of a call: undefined when it was not answered. */
export type Outcome = { status: number } | undefined

type Doubt = { at: Date; isAnswered: boolean; isLookedFor: boolean }

/** I3: what may have been carried out is looked for, and given its time, before it is asked for again. */
export function watchRepetitions() {
  const doubts = new Map<string, Doubt & Pick<Creation, 'what'>>()
  return {
    leaves({ what, key }: Creation, { at, account }: Pick<Sent, 'at' | 'account'>): Violation[] {
      const doubt = doubts.get(`${account} ${what} ${key}`)
      if (!doubt || LOOKS[what] === null) return []
      const waitedMs = at.getTime() - doubt.at.getTime()
      const leastMs = doubt.isAnswered ? 4_000 : UNANSWERED_MS[what]
      const say = (why: string) => [
        {
          rule: 'I3',
          story: `the outcome of a ${what} (${key}) was not known, and it is made again ${why}`,
        },
      ]
      if (!doubt.isLookedFor) return say('without a look for it')
      return waitedMs < leastMs ? say(`after ${waitedMs} ms`) : []
    },
    answered(sent: Sent, creation: Creation | undefined, outcome: Outcome, at: Date) {
      if (creation) {
        const isUnknown = !outcome || outcome.status >= 500
        const isAnswered = outcome?.status === 500 || outcome?.status === 503
        const name = `${sent.account} ${creation.what} ${creation.key}`
        // Whoever does not answer has been at it since it was asked.
        const since = isAnswered ? at : sent.at
        if (isUnknown)
          doubts.set(name, { what: creation.what, at: since, isAnswered, isLookedFor: false })
        else doubts.delete(name)
      }
      if (sent.method !== 'GET' || !outcome || outcome.status >= 300) return
      for (const doubt of doubts.values())
        if (LOOKS[doubt.what]?.test(sent.path)) doubt.isLookedFor = true
    },
  }
}
