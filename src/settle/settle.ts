import { eq } from 'drizzle-orm'

import { invoices } from '../db/schema.ts'
import type { Deps } from '../deps.ts'
import { decide } from '../domain/decide.ts'
import { isLive, type Policy } from '../domain/ledger.ts'
import { Later, loggableReasonOf, PermanentError, reasonOf, WrongAddress } from '../errors.ts'
import type { LagoInvoice } from '../lago/objects.ts'
import { findCollectSince } from './collect-since.ts'
import { listUnread, readDeliveries, type DeliveryKey } from './deliveries.ts'
import { notePaidElsewhere } from './hold-payment.ts'
import { isFreeLicense } from './license.ts'
import { asInvoice, ensureInvoice, loadLedger, type InvoiceRow } from './load.ts'
import { takeOverPayToken } from './pay-token.ts'
import {
  grantWish,
  introduce,
  noteLeftOutMetadata,
  rest,
  standingOfUnknown,
  tellWaiting,
} from './rest.ts'
import { isUrgentCause } from '../wakes.ts'
import { takeStep } from './take-step.ts'
import { findInvoice } from './top-up.ts'
import { isRefused } from './unknown-outcome.ts'

/** More steps than any invoice needs; past it something decides in circles, which a person must see. */
const MAX_STEPS = 40
/** A look at a session costs a request; payments are also found by the sweep and by webhooks. */
const SESSION_FRESH_MS = 3_600_000
/** A customer who stands at the pay link must not be sent to a session that was paid a moment ago. */
const CUSTOMER_FRESH_MS = 2_000

export type Settle = (lagoInvoiceId: string, data: Record<string, unknown>) => Promise<void>
type Settling = Deps
/** Clients whose requests go before others, for money that moved and customers who wait. */
type Urgent = { urgent: Pick<Deps, 'lago' | 'dodo'> }
/** `invoice` is Lago's as last seen, kept also when a step fails, because the operator wants to see it. */
type Case = {
  row: InvoiceRow
  read: DeliveryKey[]
  policy: Omit<Policy, 'isFreeLicense'>
  invoice: LagoInvoice | undefined
}

/**
 * Brings one invoice's two ledgers into agreement: decide, act, and decide again on what is then true,
 * until nothing is left to do. The queue runs it for one invoice at a time.
 */
export function createSettle({ urgent, ...usual }: Settling & Urgent): Settle {
  return async function settle(lagoInvoiceId, data) {
    const unread = await listUnread(usual, lagoInvoiceId)
    const isNews = unread.length > 0 || data['cause'] !== undefined
    // An earlier job has already done what this delivery asked for, but for a wish that waits to be granted.
    if (!isNews && !(await isWished(usual, lagoInvoiceId))) return
    const row = await ensureInvoice(usual, lagoInvoiceId)
    const startedAt = usual.now()
    const read = await readDeliveries({ ...usual, ...urgent }, lagoInvoiceId, unread)

    const isUrgent = read.some(({ source }) => source === 'dodo') || isUrgentCause(data['cause'])
    const deps = isUrgent ? { ...usual, ...urgent } : usual
    const policy = { ...(await policyFor(deps, data['cause'])), startedAt }
    const subject: Case = { row, read, policy, invoice: undefined }
    try {
      await settleInvoice(deps, subject)
    } catch (error) {
      if (error instanceof Later && row.settledAt === null) await tellWaiting(deps, row, error)
      const needsPerson = error instanceof PermanentError || error instanceof WrongAddress
      if (!needsPerson && !isRefused(error)) throw error
      const number = subject.invoice?.number ?? row.number
      const reason = loggableReasonOf(error)
      deps.log.error({ lagoInvoiceId, number, reason }, 'invoice needs attention')
      const standing = { state: 'attention' as const, reason: reasonOf(error) }
      await rest(deps, subject, { standing })
    }
  }
}

async function isWished({ db }: Settling, lagoInvoiceId: string): Promise<boolean> {
  const [row] = await db
    .select({ requestedAt: invoices.requestedAt })
    .from(invoices)
    .where(eq(invoices.lagoInvoiceId, lagoInvoiceId))
  return (row?.requestedAt ?? null) !== null
}

async function policyFor(
  { config, db }: Settling,
  cause: unknown,
): Promise<Omit<Policy, 'isFreeLicense' | 'startedAt'>> {
  const isCustomerWaiting = cause === 'customer'
  return {
    collection: config.collection,
    duplicatePayments: config.duplicatePayments,
    voidPayments: config.voidPayments,
    retryScheduleMs: config.retryScheduleMs,
    collectSince: await findCollectSince({ config, db }),
    paymentFreshForMs: isCustomerWaiting ? CUSTOMER_FRESH_MS : config.reconcileEveryMs,
    sessionFreshForMs: isCustomerWaiting ? CUSTOMER_FRESH_MS : SESSION_FRESH_MS,
  }
}

async function settleInvoice(deps: Settling, subject: Case) {
  const { lagoInvoiceId } = subject.row
  subject.invoice = await findInvoice(deps, lagoInvoiceId)
  if (subject.invoice && subject.row.number === null) {
    await takeOverPayToken(deps.db, subject.invoice)
    await introduce(deps, subject.invoice)
  }
  for (let taken = 0; taken < MAX_STEPS; taken += 1) {
    const { invoice } = subject
    if (!invoice)
      return rest(deps, subject, { standing: await standingOfUnknown(deps, subject.row) })
    const [row = subject.row] = await deps.db
      .select()
      .from(invoices)
      .where(eq(invoices.lagoInvoiceId, lagoInvoiceId))
    const loaded = await loadLedger(deps, row)
    const ledger = { ...loaded, paidElsewhere: await notePaidElsewhere(deps, invoice, loaded) }
    const policy = { ...subject.policy, isFreeLicense: await isFreeLicense(deps, 'credit_notes') }
    const step = decide(asInvoice(invoice), ledger, policy, deps.now())
    if (step.do === 'rest') {
      await noteLeftOutMetadata(deps, invoice, ledger)
      const askedBy = ledger.attempts.find(isLive)?.lagoPaymentRequestId ?? undefined
      return rest(deps, { ...subject, row }, { ...step, askedBy })
    }
    subject.invoice = await takeStep(deps, step, invoice, ledger)
    if (step.do === 'open_checkout') await grantWish(deps, row)
  }
  throw new PermanentError(
    `settling did not come to an end within ${MAX_STEPS} steps: please report this`,
  )
}
