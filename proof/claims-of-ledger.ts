import { and, count, eq, gt, inArray, isNotNull, ne, sql } from 'drizzle-orm'

import type { Database } from '../src/db/client.ts'
import {
  attempts,
  deadLetters,
  deliveries,
  findings,
  mandates,
  payers,
  payments,
  products,
  receivables,
  shares,
} from '../src/db/schema.ts'
import { textOf, type Books, type Violation } from './books.ts'

/** What was seen from outside since the world was opened. */
type Witnessed = {
  /** Whether Lago had no premium licence at any time. */
  wasFree: boolean
  /** The mandates of which Dodo said, in whatever way, that they cannot be charged. */
  refusedMandates: ReadonlySet<string>
  /** The charges that Dodo declined at once, by their key. */
  declinedCharges: ReadonlySet<string>
}

/** Both services' books, with those of every other Dodo account. */
type AllBooks = Books & { accounts: readonly Pick<Books['dodo'], 'store'>[] }
type LedgerClaim = (db: Database, books: AllBooks, witnessed: Witnessed) => Promise<Violation[]>

/** What holds of the bridge's own ledger at every moment, against what its services and senders saw. */
export const OF_LEDGER: readonly LedgerClaim[] = [
  oneLiveAttempt,
  liveIsLive,
  namesReasons,
  buriesInSight,
  keepsNoStranger,
  takesNoPermissionForALicence,
  takesNoRefusalForADecline,
]

/** I1: what was answered with 2xx is stored; `ids` are those answered since the last look. */
export async function storedBeforeAnswered(
  db: Database,
  source: 'lago' | 'dodo',
  deliveryId: string,
): Promise<Violation[]> {
  const rows = await db.$count(
    deliveries,
    and(eq(deliveries.source, source), eq(deliveries.deliveryId, deliveryId)),
  )
  const story = `${source}'s delivery ${deliveryId} was acknowledged, and stored ${rows} times`
  return rows === 1 ? [] : [{ rule: 'I1', story }]
}

/** I2, should the index be gone. */
async function oneLiveAttempt(db: Database): Promise<Violation[]> {
  const rows = await db
    .select({ receivableId: shares.receivableId, live: count() })
    .from(shares)
    .where(eq(shares.isLive, true))
    .groupBy(shares.receivableId)
    .having(gt(count(), 1))
  return rows.map(({ receivableId, live }) => ({
    rule: 'I2',
    story: `${receivableId} has ${live} live attempts`,
  }))
}

const LIVE = ['intended', 'live', 'unknown'] as const

/** I2: what the index goes by says the same as the attempts themselves. */
async function liveIsLive(db: Database): Promise<Violation[]> {
  const rows = await db
    .select({ receivableId: shares.receivableId, status: attempts.status, number: attempts.number })
    .from(shares)
    .innerJoin(attempts, eq(attempts.id, shares.attemptId))
    .where(ne(shares.isLive, inArray(attempts.status, [...LIVE])))
  return rows.map(({ receivableId, status, number }) => ({
    rule: 'I2',
    story: `attempt ${number} of ${receivableId} is ${status}, and counts as the contrary`,
  }))
}

/** I8: whatever stands somewhere says why, and what a person must look at says it in a stable word as well. */
async function namesReasons(db: Database): Promise<Violation[]> {
  const rows = await db
    .select()
    .from(receivables)
    .where(
      sql`${receivables.reason} = '' or (${receivables.state} = 'attention' and coalesce(${receivables.reasonCode}, '') = '')`,
    )
  return rows.map(({ receivableId, state }) => ({
    rule: 'I8',
    story: `${receivableId} is ${state} for no reason that a person could act on`,
  }))
}

/** I8: work that gave up is shown. */
async function buriesInSight(db: Database): Promise<Violation[]> {
  const rows = await db
    .select({ key: deadLetters.key, state: receivables.state })
    .from(deadLetters)
    .leftJoin(receivables, eq(receivables.receivableId, deadLetters.key))
    .where(eq(deadLetters.kind, 'settle'))
  return rows
    .filter(({ state }) => state !== 'attention')
    .map(({ key, state }) => ({
      rule: 'I8',
      story: `work on ${key} gave up, which is ${state ?? 'unknown'}`,
    }))
}

/** I11: nothing that Dodo marks as another organisation's is in this ledger. */
async function keepsNoStranger(db: Database, { lago, dodo }: Books): Promise<Violation[]> {
  const { store } = dodo
  const kept = [
    ...(
      await db
        .select({ id: payers.dodoCustomerId })
        .from(payers)
        .where(isNotNull(payers.dodoCustomerId))
    ).map(({ id }) => store.customers.get(id ?? '')),
    ...(await db.select({ id: products.dodoProductId }).from(products)).map(({ id }) =>
      store.products.get(id),
    ),
    ...(await db.select({ id: mandates.dodoSubscriptionId }).from(mandates)).map(({ id }) =>
      store.subscriptions.get(id),
    ),
    ...(
      await db
        .select({ id: payments.dodoPaymentId })
        .from(payments)
        .where(eq(payments.isConfirmed, true))
    ).map(({ id }) => store.payments.get(id)),
  ]
  return kept.flatMap((one) => {
    const owner = one?.metadata?.['lago_organization_id'] ?? lago.organizationId
    const story = `${JSON.stringify(one?.metadata)} of organisation ${textOf(owner)} is kept`
    return owner === lago.organizationId ? [] : [{ rule: 'I11', story }]
  })
}

/** I12: a licence is only missing where Lago has none. */
async function takesNoPermissionForALicence(
  db: Database,
  _books: Books,
  { wasFree }: Witnessed,
): Promise<Violation[]> {
  if (wasFree) return []
  const rows = await db
    .select({ name: findings.name })
    .from(findings)
    .where(sql`${findings.name} like 'lago_license%' and ${findings.value} = '"free"'::jsonb`)
  return rows.map(({ name }) => ({
    rule: 'I12',
    story: `the ledger says that Lago has no licence (${name}), and it has one`,
  }))
}

/** I12: a card is only refused, and a charge only declined, where Dodo said so of that very card or charge. */
async function takesNoRefusalForADecline(
  db: Database,
  { accounts }: AllBooks,
  { refusedMandates, declinedCharges }: Witnessed,
): Promise<Violation[]> {
  const all = accounts.flatMap(({ store }) => [...store.payments.values()])
  const failedOn = (id: string | null) =>
    all.some(
      (one) =>
        one.subscription_id === id && (one.status === 'failed' || one.status === 'cancelled'),
    )
  const refused = await db.select().from(mandates).where(isNotNull(mandates.refusal))
  const declined = await db.select().from(attempts).where(eq(attempts.status, 'declined'))
  return [
    ...refused
      // What a person stopped is refused by them, and by nobody at Dodo.
      .filter(({ stoppedAt }) => stoppedAt === null)
      .filter(({ dodoSubscriptionId: id }) => !refusedMandates.has(id) && !failedOn(id))
      .map(({ dodoSubscriptionId, refusal }) => ({
        rule: 'I12',
        story: `mandate ${dodoSubscriptionId} counts as refused (${refusal}), of which Dodo said nothing`,
      })),
    ...declined
      .filter(
        ({ receivableId, number, dodoSubscriptionId, dodoSessionId }) =>
          !declinedCharges.has(`${dodoSubscriptionId} ${receivableId} ${number}`) &&
          !failedOn(dodoSubscriptionId) &&
          !all.some(
            (one) =>
              one.checkout_session_id === dodoSessionId &&
              (one.status === 'failed' || one.status === 'cancelled'),
          ),
      )
      .map(({ receivableId, number }) => ({
        rule: 'I12',
        story: `attempt ${number} of ${receivableId} counts as declined, and Dodo declined nothing of it`,
      })),
  ]
}
