import { and, asc, count, desc, eq, inArray, ne, sql, sum } from 'drizzle-orm'

import type { Account } from '../collect/account.ts'
import type { Database } from '../db/client.ts'
import { isChargeable } from '../collect/chargeable.ts'
import {
  accountPages,
  attempts,
  mandates,
  payers,
  payments,
  receivables,
  recordings,
  shares,
  timeline,
} from '../db/schema.ts'

const TOKEN = /^[\w-]{22}$/
/** As many of a currency as a page shows; the oldest first. */
const MAX_OPEN = 200
const MAX_PAID = 100
const YEAR_MS = 366 * 24 * 3_600_000

/** Why an invoice that is owed is not to be chosen just now. */
type Hindrance = 'processing' | 'together' | 'preparing' | 'notPayable'
export type OpenInvoice = {
  receivableId: string
  payToken: string
  number: string
  currency: string
  amountDue: number
  dueOn: string | null
  hindrance: Hindrance | undefined
  /** The payment request that asks for it, by the token of its pay link. */
  requestToken: string | undefined
  /** Too little to be paid alone. */
  isTooSmall: boolean
}
export type PaidInvoice = {
  receivableId: string
  number: string
  currency: string
  paidAt: Date
  /** Through us, and what of it is for this invoice, in Lago's minor units; null where it was paid elsewhere. */
  payment: { dodoPaymentId: string; amount: number } | null
}
/** In the books' minor units. */
export type Owed = { currency: string; amount: number; count: number }
/** `ends` is its last month, like `2032-06`. */
export type Card = { network: string | null; lastFour: string | null; ends: string | null }
export type AccountView = {
  account: Account
  name: string | null
  billing: { payerKey: string; billingEntity: string | null }
  open: OpenInvoice[]
  /** All that is owed of each currency, also what is not listed. */
  owed: Owed[]
  paid: PaidInvoice[]
  /** The card that is charged, and where another is saved. */
  card: Card | undefined
  setupToken: string | undefined
}

export async function findAccount(db: Database, token: string): Promise<Account | undefined> {
  if (!TOKEN.test(token)) return undefined
  const [account] = await db.select().from(accountPages).where(eq(accountPages.token, token))
  return account
}

/** All that a payer may see of what they owe and have paid. Asks no service. */
export async function readAccount(db: Database, account: Account, now: Date): Promise<AccountView> {
  const { payerKey } = account
  const [owed, paid, [payer], card, [newest]] = await Promise.all([
    readOwed(db, payerKey),
    readPaid(db, payerKey, now),
    db.select().from(payers).where(eq(payers.payerKey, payerKey)),
    readCard(db, payerKey),
    db
      .select({ name: receivables.payerName, billingEntity: receivables.billingEntity })
      .from(receivables)
      .where(and(eq(receivables.payerKey, payerKey), eq(receivables.kind, 'invoice')))
      .orderBy(desc(receivables.createdAt))
      .limit(1),
  ])
  return {
    account,
    name: newest?.name ?? payer?.name ?? null,
    billing: { payerKey, billingEntity: newest?.billingEntity ?? null },
    ...owed,
    paid,
    card,
    setupToken: payer?.payToken,
  }
}

/** What Lago says is owed, and is ours to collect. */
const isOwedBy = (payerKey: string) =>
  and(
    eq(receivables.payerKey, payerKey),
    eq(receivables.kind, 'invoice'),
    inArray(receivables.state, ['open', 'failed', 'processing', 'attention']),
    inArray(receivables.lagoStatus, ['finalized', 'open']),
    ne(receivables.lagoPaymentStatus, 'succeeded'),
    sql`${receivables.amountDue} > 0`,
  )

async function readOwed(
  db: Database,
  payerKey: string,
): Promise<{ owed: Owed[]; open: OpenInvoice[] }> {
  const sums = await db
    .select({
      currency: receivables.currency,
      amount: sum(receivables.amountDue).mapWith(Number),
      count: count(),
    })
    .from(receivables)
    .where(isOwedBy(payerKey))
    .groupBy(receivables.currency)
    .orderBy(asc(receivables.currency))
  const listed = await Promise.all(sums.map(({ currency }) => listOwed(db, payerKey, currency)))
  return {
    owed: sums.map((one) => ({ ...one, currency: one.currency ?? '' })),
    open: listed.flat(),
  }
}

async function listOwed(
  db: Database,
  payerKey: string,
  currency: string | null,
): Promise<OpenInvoice[]> {
  const rows = await db
    .select()
    .from(receivables)
    .where(and(isOwedBy(payerKey), sql`${receivables.currency} is not distinct from ${currency}`))
    .orderBy(
      asc(sql`coalesce(${receivables.dueOn}, ${receivables.createdAt}::date)`),
      asc(receivables.number),
    )
    .limit(MAX_OPEN)
  const asking = await readAsking(
    db,
    rows.map(({ receivableId }) => receivableId),
  )
  return rows.map((row) => {
    const by = asking.get(row.receivableId)
    const isTooSmall = row.reasonCode === 'below_minimum'
    return {
      receivableId: row.receivableId,
      payToken: row.payToken,
      number: row.number ?? '',
      currency: row.currency ?? '',
      amountDue: row.amountDue,
      dueOn: row.dueOn,
      hindrance: hindranceOf(row, by?.kind, isTooSmall),
      requestToken: by?.kind === 'payment_request' ? by.payToken : undefined,
      isTooSmall,
    }
  })
}

/** Who asks for each of them just now, where that is not the invoice itself. */
async function readAsking(db: Database, receivableIds: readonly string[]) {
  if (receivableIds.length === 0) return new Map<string, never>()
  const rows = await db
    .select({
      receivableId: shares.receivableId,
      kind: sql<string>`case when ${attempts.kind} = 'charge' then 'charge' else ${receivables.kind} end`,
      payToken: receivables.payToken,
    })
    .from(shares)
    .innerJoin(attempts, eq(attempts.id, shares.attemptId))
    .innerJoin(receivables, eq(receivables.receivableId, attempts.receivableId))
    .where(and(inArray(shares.receivableId, [...receivableIds]), shares.isLive))
  return new Map(rows.map((row) => [row.receivableId, row]))
}

function hindranceOf(
  { state, isPayable }: typeof receivables.$inferSelect,
  asking: string | undefined,
  isTooSmall: boolean,
): Hindrance | undefined {
  if (state === 'processing' || asking === 'charge') return 'processing'
  if (asking === 'payment_request') return 'together'
  // What was chosen may be chosen anew, whatever it is by itself meanwhile.
  if (isTooSmall || asking === 'selection') return undefined
  if (state === 'attention') return 'notPayable'
  return isPayable ? undefined : 'preparing'
}

/** When it was paid: with us, or as soon as we heard of it; the last look at it says nothing. */
const paidAt = sql<string>`coalesce(${payments.madeAt}, (
    select max(${timeline.at}) from ${timeline} where ${timeline.receivableId} = ${receivables.receivableId}
      and starts_with(${timeline.what}, ${receivables.state} || ': ')
  ), ${receivables.settledAt}, ${receivables.createdAt})`

async function readPaid(db: Database, payerKey: string, now: Date): Promise<PaidInvoice[]> {
  const rows = await db
    .select({
      receivableId: receivables.receivableId,
      number: receivables.number,
      currency: receivables.currency,
      dodoPaymentId: payments.dodoPaymentId,
      taken: recordings.amount,
      paidAt,
    })
    .from(receivables)
    .leftJoin(
      recordings,
      and(eq(recordings.receivableId, receivables.receivableId), eq(recordings.status, 'recorded')),
    )
    .leftJoin(payments, eq(payments.dodoPaymentId, recordings.dodoPaymentId))
    .where(
      and(
        eq(receivables.payerKey, payerKey),
        eq(receivables.kind, 'invoice'),
        eq(receivables.lagoPaymentStatus, 'succeeded'),
        sql`${paidAt} > ${new Date(now.getTime() - YEAR_MS).toISOString()}::timestamptz`,
      ),
    )
    .orderBy(desc(paidAt))
    .limit(MAX_PAID)
  return rows.map((row) => ({
    receivableId: row.receivableId,
    number: row.number ?? '',
    currency: row.currency ?? '',
    paidAt: new Date(row.paidAt),
    payment:
      row.dodoPaymentId === null
        ? null
        : { dodoPaymentId: row.dodoPaymentId, amount: row.taken ?? 0 },
  }))
}

/** The newest card that works, as Dodo shows it; until that was asked, as it was seen in a payment. */
async function readCard(db: Database, payerKey: string): Promise<Card | undefined> {
  const [mandate] = await db
    .select()
    .from(mandates)
    .where(and(eq(mandates.payerKey, payerKey), isChargeable))
    .orderBy(desc(mandates.renewedAt))
    .limit(1)
  if (!mandate) return undefined
  const { cardNetwork, cardLastFour: lastFour, cardEnds: ends } = mandate
  if (lastFour !== null) return { network: cardNetwork, lastFour, ends }
  const [seen] = await db
    .select({ network: payments.cardNetwork, lastFour: payments.cardLastFour })
    .from(payments)
    .where(
      and(
        eq(payments.dodoSubscriptionId, mandate.dodoSubscriptionId),
        eq(payments.status, 'succeeded'),
        sql`${payments.cardLastFour} is not null`,
      ),
    )
    .orderBy(desc(payments.madeAt))
    .limit(1)
  return { network: null, lastFour: null, ...seen, ends }
}
