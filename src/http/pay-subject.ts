import { and, desc, eq, gte, sql } from 'drizzle-orm'

import { isSupportedCurrency, toDodoMinor } from '../collect/money.ts'
import { giveWay } from '../collect/selection.ts'
import {
  attempts,
  mandates,
  payers,
  payments,
  receivables,
  recordings,
  shares,
} from '../db/schema.ts'
import { declineOf } from '../customer/declines.ts'
import type { Deps } from '../deps.ts'
import { wake, wakeWithin } from '../wakes.ts'

type Finding = Pick<Deps, 'db' | 'queue' | 'now'>

/** What a pay link stands for, as its page sees it. */
export type Subject = {
  kind: 'invoice' | 'payment_request' | 'selection' | 'order' | 'customer'
  key: string
  customer: string | null
  state: 'open' | 'processing' | 'paid' | 'failed' | 'void' | 'skipped' | 'attention'
  isPayable: boolean
  /** An invoice's own, as its page names it. */
  number: string | null
  /** In whose name it is sent. */
  billingEntity: string | null
  currency: string | null
  amountDue: number
  requestedAt: Date | null
  settledAt: Date | null
  /** When it is tried again without the customer. */
  nextWakeAt: Date | null
}

/** As the setup of a card opens it. */
const SETUP_LIFETIME_MS = 24 * 3_600_000
const TOKEN = /^[\w-]{1,100}$/

/** What the token names: an invoice, a payment request, or a customer who saves a card. */
export async function findSubject({ db }: Finding, token: string): Promise<Subject | undefined> {
  if (!TOKEN.test(token)) return undefined
  const [row] = await db.select().from(receivables).where(eq(receivables.payToken, token))
  if (row) {
    const { receivableId: key, payerKey: customer } = row
    return { ...row, key, customer }
  }
  const [customer] = await db.select().from(payers).where(eq(payers.payToken, token))
  return customer && describeCustomer({ db }, customer)
}

/** What became of the card is told by the mandate that the last page made, not by an older one. */
async function describeCustomer(
  { db }: Pick<Finding, 'db'>,
  customer: typeof payers.$inferSelect,
): Promise<Subject> {
  const { payerKey, setupRefusal, setupExpiresAt, requestedAt } = customer
  const openedAt = setupExpiresAt && new Date(setupExpiresAt.getTime() - SETUP_LIFETIME_MS)
  const [newest] = await db
    .select()
    .from(mandates)
    .where(
      and(
        eq(mandates.payerKey, payerKey),
        openedAt ? gte(mandates.renewedAt, openedAt) : undefined,
      ),
    )
    .orderBy(desc(mandates.renewedAt))
    .limit(1)
  return {
    kind: 'customer',
    key: payerKey,
    customer: payerKey,
    state: setupRefusal ? 'attention' : stateOf(newest?.status),
    isPayable: setupRefusal === null,
    number: null,
    billingEntity: null,
    currency: null,
    amountDue: 0,
    requestedAt,
    settledAt: null,
    nextWakeAt: null,
  }
}

function stateOf(mandateStatus: string | undefined): Subject['state'] {
  if (mandateStatus === 'active') return 'paid'
  return mandateStatus === 'failed' ? 'failed' : 'open'
}

const JOBS = {
  invoice: 'settle',
  payment_request: 'bundle',
  selection: 'bundle',
  order: 'settle',
  customer: 'setup',
} as const

/** Has it looked at, at once. */
export const lookAt = (deps: Finding, { kind, key }: Subject) =>
  wake(deps, JOBS[kind], [key], 'customer')

/** Writes down that a customer is waiting for something payable, and has it looked at. Returns when that was. */
export async function requestCheckout(
  { db, queue, now }: Finding,
  { kind, key }: Subject,
): Promise<Date> {
  const requestedAt = now()
  await db.transaction(async (tx) => {
    if (kind === 'invoice') await giveWay({ db: tx, queue, now: () => requestedAt }, key)
    if (kind === 'customer')
      await tx.update(payers).set({ requestedAt }).where(eq(payers.payerKey, key))
    else
      await tx
        .update(receivables)
        .set({ requestedAt, requestedBy: 'customer' })
        .where(eq(receivables.receivableId, key))
    await wakeWithin({ db: tx, queue }, JOBS[kind], [key], 'customer')
  })
  return requestedAt
}

/** The checkout to send the customer to. From now on it may be paid, which is written down first. */
export async function handOut(deps: Finding, subject: Subject): Promise<string | undefined> {
  const { db, now } = deps
  if (subject.kind === 'customer') return findSetup(deps, subject.key)
  const attempt = await findAttempt(deps, subject)
  if (
    attempt?.status !== 'live' ||
    !attempt.checkoutUrl ||
    !attempt.expiresAt ||
    attempt.expiresAt <= now()
  )
    return undefined
  if (attempt.handedOutAt) return attempt.checkoutUrl
  const handedOut = await db
    .update(attempts)
    .set({ handedOutAt: now() })
    .where(and(eq(attempts.id, attempt.id), eq(attempts.status, 'live')))
    .returning({ id: attempts.id })
  return handedOut.length > 0 ? attempt.checkoutUrl : undefined
}

/** The attempt that counts: the live one, else the newest. */
export async function findAttempt(
  { db }: Pick<Finding, 'db'>,
  { kind, key }: Pick<Subject, 'kind' | 'key'>,
) {
  const isOfSubject = isAsking(kind) ? eq(attempts.receivableId, key) : eq(shares.receivableId, key)
  const [found] = await db
    .select({ attempt: attempts })
    .from(attempts)
    .innerJoin(shares, eq(shares.attemptId, attempts.id))
    .where(isOfSubject)
    .orderBy(sql`${attempts.status} = 'live' desc`, desc(attempts.startedAt))
    .limit(1)
  return found?.attempt
}

async function findSetup({ db, now }: Finding, payerKey: string) {
  const [customer] = await db.select().from(payers).where(eq(payers.payerKey, payerKey))
  const isOpen = customer?.setupExpiresAt && customer.setupExpiresAt > now()
  return isOpen ? (customer.setupUrl ?? undefined) : undefined
}

/** What a customer is told of their last payment. */
export type Outcome = {
  /** Dodo's minor units. */
  paid?:
    | {
        /** The Dodo account that holds it. */
        account: string
        dodoPaymentId: string
        amount: number
        currency: string
        at: Date
        card: string | undefined
      }
    | undefined
  decline?: ReturnType<typeof declineOf>
}

/** What became of the newest payment through an attempt for it; of one that is paid, of what pays it. */
export async function readOutcome(
  { db }: Pick<Finding, 'db'>,
  subject: Pick<Subject, 'kind' | 'key' | 'state'>,
): Promise<Outcome> {
  const status = subject.state === 'paid' ? 'succeeded' : 'failed'
  if (subject.kind === 'customer') return {}
  const pays = sql`exists (select 1 from ${recordings} where ${recordings.dodoPaymentId} = ${payments.dodoPaymentId}
    and ${recordings.status} = 'recorded'
    and ${isAsking(subject.kind) ? sql`true` : eq(recordings.receivableId, subject.key)})`
  const [newest] = await db
    .select({ payment: payments, asking: attempts.receivableId, share: shares.amount })
    .from(payments)
    .innerJoin(attempts, eq(attempts.id, payments.attemptId))
    .innerJoin(shares, eq(shares.attemptId, attempts.id))
    .where(
      and(
        isAsking(subject.kind)
          ? eq(attempts.receivableId, subject.key)
          : eq(shares.receivableId, subject.key),
        eq(payments.status, status),
        eq(payments.isSetup, false),
        // One beside what pays it, or beside other means, goes back or is held.
        status === 'succeeded' ? pays : undefined,
      ),
    )
    .orderBy(desc(payments.madeAt))
    .limit(1)
  if (!newest) return {}
  const { account, dodoPaymentId, currency, madeAt, ...seen } = newest.payment
  // Paid together with others, it is a part that was for this one.
  const isPart = newest.asking !== subject.key && isSupportedCurrency(currency)
  const amount = isPart ? toDodoMinor(newest.share, currency) : newest.payment.amount
  const { cardNetwork, cardLastFour, errorCode } = seen
  if (status === 'failed') return { decline: declineOf(errorCode) }
  const card = cardLastFour ? `${cardNetwork ?? ''} ···${cardLastFour}`.trim() : undefined
  return { paid: { account, dodoPaymentId, amount, currency, at: madeAt, card } }
}

const isAsking = (kind: Subject['kind']) => kind === 'payment_request' || kind === 'selection'
