import { and, desc, eq, gte, sql } from 'drizzle-orm'

import { attempts, bundles, customers, invoices, mandates, shares } from '../db/schema.ts'
import type { Deps } from '../deps.ts'
import { wake, wakeWithin } from '../wakes.ts'

type Finding = Pick<Deps, 'db' | 'queue' | 'now'>

/** What a pay link stands for, as its page sees it. */
export type Subject = {
  kind: 'invoice' | 'bundle' | 'customer'
  key: string
  customer: string | null
  state: 'open' | 'processing' | 'paid' | 'failed' | 'void' | 'skipped' | 'attention'
  isPayable: boolean
  title: string | undefined
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
  const [invoice] = await db.select().from(invoices).where(eq(invoices.payToken, token))
  if (invoice) {
    const title = invoice.number === null ? undefined : `Invoice ${invoice.number}`
    const { lagoInvoiceId: key, lagoCustomerId: customer } = invoice
    return { ...invoice, kind: 'invoice', key, customer, title }
  }
  const [bundle] = await db.select().from(bundles).where(eq(bundles.payToken, token))
  if (bundle) {
    const { lagoPaymentRequestId: key, lagoCustomerId: customer } = bundle
    return { ...bundle, kind: 'bundle', key, customer, title: 'Open invoices', nextWakeAt: null }
  }
  const [customer] = await db.select().from(customers).where(eq(customers.payToken, token))
  return customer && describeCustomer({ db }, customer)
}

/** What became of the card is told by the mandate that the last page made, not by an older one. */
async function describeCustomer(
  { db }: Pick<Finding, 'db'>,
  customer: typeof customers.$inferSelect,
): Promise<Subject> {
  const { lagoCustomerId, setupRefusal, setupExpiresAt, requestedAt } = customer
  const openedAt = setupExpiresAt && new Date(setupExpiresAt.getTime() - SETUP_LIFETIME_MS)
  const [newest] = await db
    .select()
    .from(mandates)
    .where(
      and(
        eq(mandates.lagoCustomerId, lagoCustomerId),
        openedAt ? gte(mandates.renewedAt, openedAt) : undefined,
      ),
    )
    .orderBy(desc(mandates.renewedAt))
    .limit(1)
  return {
    kind: 'customer',
    key: lagoCustomerId,
    customer: lagoCustomerId,
    state: setupRefusal ? 'attention' : stateOf(newest?.status),
    isPayable: setupRefusal === null,
    title: 'Automatic payments',
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

const JOBS = { invoice: 'settle', bundle: 'bundle', customer: 'setup' } as const

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
    if (kind === 'invoice') {
      await tx
        .update(invoices)
        .set({ requestedAt, requestedBy: 'customer' })
        .where(eq(invoices.lagoInvoiceId, key))
    } else if (kind === 'bundle') {
      await tx.update(bundles).set({ requestedAt }).where(eq(bundles.lagoPaymentRequestId, key))
    } else {
      await tx.update(customers).set({ requestedAt }).where(eq(customers.lagoCustomerId, key))
    }
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
  const isOfSubject =
    kind === 'bundle' ? eq(attempts.lagoPaymentRequestId, key) : eq(shares.lagoInvoiceId, key)
  const [found] = await db
    .select({ attempt: attempts })
    .from(attempts)
    .innerJoin(shares, eq(shares.attemptId, attempts.id))
    .where(isOfSubject)
    .orderBy(sql`${attempts.status} = 'live' desc`, desc(attempts.startedAt))
    .limit(1)
  return found?.attempt
}

async function findSetup({ db, now }: Finding, lagoCustomerId: string) {
  const [customer] = await db
    .select()
    .from(customers)
    .where(eq(customers.lagoCustomerId, lagoCustomerId))
  const isOpen = customer?.setupExpiresAt && customer.setupExpiresAt > now()
  return isOpen ? (customer.setupUrl ?? undefined) : undefined
}
