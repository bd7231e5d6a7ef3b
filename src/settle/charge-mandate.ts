import { eq } from 'drizzle-orm'

import { attempts, invoices } from '../db/schema.ts'
import type { Deps } from '../deps.ts'
import type { Attempt, Ledger, Mandate } from '../domain/ledger.ts'
import { formatLago, toDodoMinor } from '../domain/money.ts'
import type { Beginning } from '../domain/steps.ts'
import { ApiError, Later, PermanentError, reasonOf } from '../errors.ts'
import type { LagoInvoice } from '../lago/objects.ts'
import { endAttempt } from './attempts.ts'
import { begin, keyOf, markUnknown, nextNumber } from './open-checkout.ts'
import { readPayment } from './read-dodo.ts'
import { refuseMandate, syncMandate } from './sync-mandate.ts'
import { note } from './timeline.ts'
import { isRefused } from './unknown-outcome.ts'

type Charging = Pick<Deps, 'db' | 'dodo' | 'queue' | 'log' | 'now'> & {
  organizationId: () => Promise<string>
}
type Plan = Beginning & {
  invoice: LagoInvoice
  ledger: Ledger
  mandate: Mandate | undefined
  isWanted: boolean
}
type Charge = { attemptId: string; number: number; dodoSubscriptionId: string; startedAt: Date }

/** Dodo charges a mandate once at a time. */
const BUSY = 'PREVIOUS_PAYMENT_PENDING'
const BUSY_MS = 20_000
/** The same card cannot be charged this way again, until the customer renews the mandate. */
const UNUSABLE = new Set([
  'SUBSCRIPTION_INACTIVE',
  'SUBSCRIPTION_EXPIRED',
  'SUBSCRIPTION_NOT_ON_DEMAND',
  'SUBSCRIPTION_PAYMENT_RETRY_LIMIT_EXCEEDED',
  'CHARGE_NOT_ALLOWED_FOR_SCHEDULED_CANCELLATION',
  'NOT_FOUND',
])
/** Payments are listed by when they were made, by a clock that is not ours. */
const CLOCK_MARGIN_MS = 60_000
/** Dodo's lists may lag: what is not in them by then was not made (dossier of the safe-charge protocol). */
const UNANSWERED_MS = 90_000
const ANSWERED_MS = 20_000
const LOOK_AGAIN_MS = 500

/**
 * Takes the money without the customer, once: the attempt is committed before the call, and a charge whose
 * outcome is not known is looked for among the mandate's payments before it may be repeated.
 */
export async function chargeMandate(deps: Charging, plan: Plan): Promise<void> {
  const { resume, mandate } = plan
  if (!resume) {
    if (mandate) await charge(deps, plan, await intend(deps, plan, mandate))
    return
  }
  const begun = asCharge(resume)
  const found = await findPayment(deps, plan, begun)
  if (found) return markLive(deps, plan, begun, found)
  const repeatableAt = resume.repeatableAt ?? begun.startedAt
  if (repeatableAt > deps.now()) {
    throw new Later(
      `whether ${begun.dodoSubscriptionId} was charged is not known yet`,
      repeatableAt,
    )
  }
  if (plan.isWanted && mandate) return charge(deps, plan, begun)
  await end(deps, plan, begun, 'it was never made, and is not wanted any more')
}

const asCharge = ({ id, number, dodoSubscriptionId, startedAt }: Attempt): Charge => ({
  attemptId: id,
  number,
  dodoSubscriptionId: dodoSubscriptionId ?? '',
  startedAt,
})

async function intend(deps: Charging, plan: Plan, mandate: Mandate): Promise<Charge> {
  const { invoice, ledger, cause, retryIndex } = plan
  const { dodoSubscriptionId } = mandate
  const [number, startedAt] = [nextNumber(ledger), deps.now()]
  const amount = invoice.total_due_amount_cents
  const attemptId = await begin(deps, {
    // While an earlier charge of the mandate is under way this waits; its end wakes the customer's invoices.
    takenUntil: later(startedAt, BUSY_MS),
    attempt: {
      lagoInvoiceId: invoice.lago_id,
      number,
      kind: 'charge',
      cause,
      retryIndex,
      status: 'intended',
      currency: invoice.currency,
      amount,
      dodoSubscriptionId,
      startedAt,
      repeatableAt: later(startedAt, UNANSWERED_MS),
    },
    parts: [{ lagoInvoiceId: invoice.lago_id, amount }],
  })
  // The wish is granted by this charge: it must not charge again when the card is declined at once.
  await deps.db
    .update(invoices)
    .set({ requestedBy: null })
    .where(eq(invoices.lagoInvoiceId, invoice.lago_id))
  return { attemptId, number, dodoSubscriptionId, startedAt }
}

async function charge(deps: Charging, plan: Plan, begun: Charge) {
  const { invoice } = plan
  const { dodoSubscriptionId, number, attemptId } = begun
  const { currency, number: invoiceNumber } = invoice
  const body = {
    product_price: toDodoMinor(invoice.total_due_amount_cents, currency),
    product_currency: currency as 'USD',
    product_description: `Invoice ${invoiceNumber}`,
    customer_balance_config: {
      allow_customer_credits_usage: false,
      allow_customer_credits_purchase: false,
    },
    metadata: {
      lago_invoice_id: invoice.lago_id,
      lago_invoice_number: invoiceNumber,
      lago_customer_id: invoice.customer.external_id,
      lago_organization_id: await deps.organizationId(),
      bridge_attempt: String(number),
    },
  }
  await deps.db
    .update(attempts)
    .set({ status: 'intended', repeatableAt: later(deps.now(), UNANSWERED_MS) })
    .where(eq(attempts.id, attemptId))
  // Once Dodo has answered, whatever fails on our side must not look as if the call had failed.
  const accepted = await deps.dodo
    .chargeMandate(dodoSubscriptionId, body, keyOf(invoice, number))
    .catch(async (error: unknown) => {
      if (error instanceof ApiError) return explain(deps, plan, begun, error)
      // Dodo was not asked, or said that it did nothing.
      if (error instanceof Later) await markNotMade(deps, attemptId)
      throw error
    })
  if (accepted) await markLive(deps, plan, begun, accepted.payment_id)
}

async function explain(
  deps: Charging,
  plan: Plan,
  begun: Charge,
  error: ApiError,
): Promise<undefined> {
  const { attemptId, dodoSubscriptionId } = begun
  if (error.outcome === 'unknown') {
    const isAnswered = error.status === 500 || error.status === 503
    await markUnknown(deps.db, attemptId)
    if (isAnswered) {
      const repeatableAt = later(deps.now(), ANSWERED_MS)
      await deps.db.update(attempts).set({ repeatableAt }).where(eq(attempts.id, attemptId))
    }
    throw new Later(error.message, later(deps.now(), LOOK_AGAIN_MS))
  }
  // Nothing was charged, so the attempt need not be looked for: it may be made at once, or ends.
  await markNotMade(deps, attemptId)
  if (!isRefused(error)) throw error
  if (error.code === BUSY) throw new Later(error.message, later(deps.now(), BUSY_MS))
  if (error.status === 401 || error.status === 403) {
    throw new PermanentError(
      `Dodo refuses DODO_API_KEY (${error.status}): check the key, its write access and DODO_ENVIRONMENT`,
    )
  }
  if (error.status === 402) {
    await decline(deps, plan, begun, error)
    return undefined
  }
  const reason = reasonOf(error)
  // A refusal that is about the mandate, or that only a checkout can explain: the customer pays by link.
  await refuseMandate(deps.db, dodoSubscriptionId, reason)
  await end(deps, plan, begun, reason)
  if (UNUSABLE.has(error.code ?? '')) await syncMandate(deps, dodoSubscriptionId)
  return undefined
}

const markNotMade = ({ db, now }: Charging, attemptId: string) =>
  db.update(attempts).set({ repeatableAt: now() }).where(eq(attempts.id, attemptId))

/** Dodo may decline in its answer instead of by a payment that fails. */
async function decline(deps: Charging, { invoice }: Plan, begun: Charge, error: ApiError) {
  await endAttempt(
    deps,
    invoice.lago_id,
    { id: begun.attemptId, number: begun.number },
    {
      status: 'declined',
      at: deps.now(),
      why: `the charge was declined${error.code ? ` (${error.code})` : ''}`,
      declineCode: error.code ?? null,
    },
  )
}

const end = (deps: Charging, { invoice }: Plan, begun: Charge, why: string) =>
  endAttempt(
    deps,
    invoice.lago_id,
    { id: begun.attemptId, number: begun.number },
    {
      status: 'superseded',
      at: deps.now(),
      why,
    },
  )

/** The payment that a charge became: as a webhook told us, or as Dodo lists it. */
async function findPayment({ dodo }: Charging, { invoice, ledger }: Plan, begun: Charge) {
  const told = ledger.payments.find(({ attemptId }) => attemptId === begun.attemptId)
  if (told) return told.dodoPaymentId
  const since = later(begun.startedAt, -CLOCK_MARGIN_MS)
  const made = await dodo.listMandatePayments(begun.dodoSubscriptionId, since)
  return made.find(
    ({ metadata }) =>
      metadata['lago_invoice_id'] === invoice.lago_id &&
      metadata['bridge_attempt'] === String(begun.number),
  )?.payment_id
}

async function markLive(
  deps: Charging,
  { invoice }: Plan,
  { attemptId, number, dodoSubscriptionId }: Charge,
  dodoPaymentId: string,
) {
  const at = deps.now()
  await deps.db.transaction(async (tx) => {
    await tx
      .update(attempts)
      .set({ status: 'live', dodoPaymentId, lookedAt: at })
      .where(eq(attempts.id, attemptId))
    const amount = formatLago(invoice.total_due_amount_cents, invoice.currency)
    const what = `mandate ${dodoSubscriptionId} charged ${amount} as ${dodoPaymentId} (attempt ${number})`
    await note(tx, invoice.lago_id, what, at)
  })
  deps.log.info(
    { lagoInvoiceId: invoice.lago_id, dodoPaymentId, attempt: number },
    'mandate charged',
  )
  await readPayment(deps, dodoPaymentId, { attemptId, settling: invoice.lago_id })
}

const later = (from: Date, ms: number) => new Date(from.getTime() + ms)
