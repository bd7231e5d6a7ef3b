import { and, eq, inArray, isNotNull, sql } from 'drizzle-orm'

import { bundles, invoices, payments } from '../db/schema.ts'
import type { Deps } from '../deps.ts'
import { assessBundle, type BundleStanding } from '../domain/assess-bundle.ts'
import { decideBundle, type BundleAttempt, type Share } from '../domain/decide-bundle.ts'
import { isLive, type Attempt } from '../domain/ledger.ts'
import {
  formatDodo,
  formatLago,
  isSupportedCurrency,
  minimumDodoMinor,
  toDodoMinor,
} from '../domain/money.ts'
import { Later, PermanentError, reasonOf, WrongAddress } from '../errors.ts'
import { begin, endAttempt } from './attempts.ts'
import type { Checkouts, Demand } from './checkout.ts'
import { finishDeliveries } from './finish-deliveries.ts'
import { payUrlOf } from './load.ts'
import {
  ensureBundle,
  loadBundleAttempts,
  loadMembers,
  memberIds,
  type BundleRow,
  type LoadedMember,
} from './load-bundle.ts'
import { asCheckout, openOnce } from './open-checkout.ts'
import { readSession } from './read-dodo.ts'
import { isRefused } from './unknown-outcome.ts'
import { wake, wakeWithin } from '../wakes.ts'

type Bundling = Checkouts & Pick<Deps, 'lago' | 'queue'>
type Outcome = Partial<BundleStanding> & Pick<BundleStanding, 'state' | 'reason'>

/** More rounds than looking at one checkout, ending it and opening another need. */
const MAX_STEPS = 10
const WAIT_MS = 2_000

/**
 * Keeps one checkout for all invoices of a payment request. What is paid through it is recorded by settling
 * the invoices, each its share; here only the asking is done.
 */
export async function settleBundle(deps: Bundling, lagoPaymentRequestId: string): Promise<void> {
  const request = await deps.lago.findPaymentRequest(lagoPaymentRequestId)
  const key = ['bundle', lagoPaymentRequestId] as const
  if (!request) {
    const outcome = 'Lago does not have this payment request'
    await answer(deps, lagoPaymentRequestId, deps.now())
    return finishDeliveries(deps.db, key, { at: deps.now(), outcome })
  }
  const row = await ensureBundle(deps, request)
  const outcome = await ask(deps, row).catch((error: unknown): Outcome => {
    const needsPerson = error instanceof PermanentError || error instanceof WrongAddress
    if (!needsPerson && !isRefused(error)) throw error
    return { state: 'attention', reason: reasonOf(error) }
  })
  const at = deps.now()
  await deps.db
    .update(bundles)
    .set({ isPayable: false, ...outcome, settledAt: at })
    .where(eq(bundles.lagoPaymentRequestId, lagoPaymentRequestId))
  if (row.requestedAt) await answer(deps, lagoPaymentRequestId, row.requestedAt)
  await finishDeliveries(deps.db, key, { at, outcome: `${outcome.state}: ${outcome.reason}` })
}

/**
 * The wish has been looked at. Whoever asked while we were at it asks for the next look, not for this one;
 * who came through the link of an invoice waits for the invoice, which goes on from here.
 */
async function answer(deps: Bundling, lagoPaymentRequestId: string, answeredAt: Date) {
  const moment = sql`${answeredAt.toISOString()}::timestamptz`
  await deps.db.transaction(async (tx) => {
    await tx
      .update(bundles)
      .set({
        answeredAt: sql`greatest(${bundles.answeredAt}, ${moment})`,
        requestedAt: sql`case when ${bundles.requestedAt} > ${moment} then ${bundles.requestedAt} end`,
      })
      .where(eq(bundles.lagoPaymentRequestId, lagoPaymentRequestId))
    const waiting = await tx
      .select({ id: invoices.lagoInvoiceId })
      .from(invoices)
      .where(
        and(
          inArray(invoices.lagoInvoiceId, await memberIds(tx, lagoPaymentRequestId)),
          isNotNull(invoices.requestedAt),
        ),
      )
    const ids = waiting.map(({ id }) => id)
    await wakeWithin({ db: tx, queue: deps.queue }, 'settle', ids, 'customer')
  })
}

async function ask(deps: Bundling, row: BundleRow): Promise<Outcome> {
  let isRequested = row.requestedAt !== null
  for (let taken = 0; taken < MAX_STEPS; taken += 1) {
    const members = await loadMembers(deps, row)
    const known = await loadBundleAttempts(deps, row)
    const wanted = members.map(({ share }) => share)
    const step = decideBundle(known, wanted, { isRequested, now: deps.now() })
    switch (step.do) {
      case 'rest':
        return assessBundle(known, members, row.currency)
      case 'read_session':
        await look(deps, row, step.attempt, step.dodoSessionId)
        break
      case 'end_attempt':
        if (step.instead.length === 0) {
          await endTogether(deps, step)
          break
        }
        await openTogether(deps, {
          row,
          members,
          known,
          resume: undefined,
          replaces: step,
          shares: step.instead,
        })
        isRequested = false
        break
      case 'open_checkout':
        await openTogether(deps, { row, members, known, ...step })
        // A wish is granted once, whatever becomes of the checkout at once.
        isRequested = false
    }
  }
  throw new PermanentError('the payment request did not come to rest: please report this')
}

/** What is found is news for the invoices, none of which is being settled here. */
const look = (
  deps: Bundling,
  { lagoPaymentRequestId }: BundleRow,
  attempt: Pick<Attempt, 'id'>,
  dodoSessionId: string,
) => readSession(deps, attempt, { dodoSessionId, settling: lagoPaymentRequestId })

/** Its invoices go on by themselves. */
async function endTogether(
  deps: Bundling,
  { attempt, status, why }: Extract<ReturnType<typeof decideBundle>, { do: 'end_attempt' }>,
) {
  const { payment, shares: parts } = attempt
  const isDeclined = status === 'declined'
  const at = isDeclined && payment ? payment.changedAt : deps.now()
  const declineCode = isDeclined ? (payment?.errorCode ?? null) : null
  const ids = parts.map(({ lagoInvoiceId }) => lagoInvoiceId)
  await endAttempt(deps, ids[0] ?? '', attempt, { status, at, why, declineCode })
  await wake(deps, 'settle', ids, 'payment_request')
}

type Opening = {
  row: BundleRow
  members: LoadedMember[]
  known: BundleAttempt[]
  resume: BundleAttempt | undefined
  replaces?: { attempt: BundleAttempt; why: string }
  shares: readonly Share[]
}

async function openTogether(deps: Bundling, opening: Opening) {
  const { row, members, known, resume, shares: parts } = opening
  const { lagoPaymentRequestId, currency } = row
  const amount = parts.reduce((sum, part) => sum + part.amount, 0)
  const customer = await deps.lago.findCustomer(row.lagoCustomerId)
  if (!customer) throw new PermanentError('Lago does not have this customer any more')
  assertCollectable({ currency, amount })
  const asked = members.filter(({ share }) => share.amount > 0)
  const number = resume?.number ?? known.length + 1
  const wanted = deps.config.collection === 'automatic' ? 'mandate' : 'checkout'
  const demand: Demand = {
    kind: resume ? asCheckout(resume.kind) : wanted,
    customer,
    currency,
    amount,
    description: `Invoices ${asked.map((one) => one.number).join(', ')}`,
    returnUrl: `${payUrlOf(deps.config.publicUrl, row.payToken)}/return`,
    metadata: {
      lago_invoice_id: parts[0]?.lagoInvoiceId ?? '',
      lago_invoice_number: asked[0]?.number ?? '',
      lago_payment_request_id: lagoPaymentRequestId,
      bridge_attempt: String(number),
    },
  }
  const lagoInvoiceIds = parts.map(({ lagoInvoiceId }) => lagoInvoiceId)
  const opened = await openOnce(deps, {
    attemptId: resume?.id,
    demand,
    key: `lago-req-${lagoPaymentRequestId}${number === 1 ? '' : `-${number}`}`,
    begin: (kind) => intend(deps, opening, { kind, number, amount }),
    lagoInvoiceIds,
    describe: ({ session_id }) =>
      `checkout ${session_id} opened for ${formatLago(amount, currency)} of payment request ${lagoPaymentRequestId} (${parts.length} invoices): ${payUrlOf(deps.config.publicUrl, row.payToken)}`,
  })
  if (opened) await wake(deps, 'settle', lagoInvoiceIds, 'payment_request')
}

function assertCollectable({ currency, amount }: { currency: string; amount: number }) {
  if (!isSupportedCurrency(currency)) throw new PermanentError(`${currency} cannot be collected`)
  const least = minimumDodoMinor(currency)
  if (toDodoMinor(amount, currency) < least)
    throw new PermanentError(
      `${formatLago(amount, currency)} is less than the ${formatDodo(least, currency)} that Dodo collects at least`,
    )
}

/** The invoices' own checkouts make way for the one that pays them together: both or neither. */
async function intend(
  deps: Bundling,
  { row, members, replaces, shares: parts }: Opening,
  { kind, number, amount }: { kind: Attempt['kind']; number: number; amount: number },
) {
  const { lagoPaymentRequestId, currency, requestedAt } = row
  const own = members.flatMap(({ ledger, share }) => {
    const attempt = share.amount > 0 ? ledger.attempts.find(isLive) : undefined
    const isOther = attempt && attempt.id !== replaces?.attempt.id
    return isOther ? [{ attempt, lagoInvoiceId: ledger.lagoInvoiceId }] : []
  })
  for (const { attempt } of own) await assertUnpaid(deps, row, attempt)
  const at = deps.now()
  const why = `payment request ${lagoPaymentRequestId} asks for it together with others`
  return deps.db.transaction(async (tx) => {
    const within = { ...deps, db: tx }
    if (replaces) {
      const [first] = replaces.attempt.shares
      const end = { status: 'superseded' as const, at, why: replaces.why }
      await endAttempt(within, first?.lagoInvoiceId ?? '', replaces.attempt, end)
    }
    for (const { attempt, lagoInvoiceId } of own) {
      await endAttempt(within, lagoInvoiceId, attempt, { status: 'superseded', at, why })
    }
    return begin(within, {
      attempt: {
        lagoPaymentRequestId,
        number,
        kind,
        cause: requestedAt ? 'customer' : 'merchant',
        retryIndex: 0,
        status: 'intended',
        currency,
        amount,
        startedAt: at,
      },
      parts,
    })
  })
}

/** Somebody may be paying in an invoice's own checkout just now: then the sum is another in a moment. */
async function assertUnpaid(deps: Bundling, row: BundleRow, attempt: Attempt) {
  const { dodoSessionId } = attempt
  if (!dodoSessionId) return
  await look(deps, row, attempt, dodoSessionId)
  const [payment] = await deps.db
    .select({ status: payments.status })
    .from(payments)
    .where(eq(payments.attemptId, attempt.id))
  if (payment && payment.status !== 'failed' && payment.status !== 'cancelled')
    throw new Later(
      'an invoice of the payment request is being paid',
      new Date(deps.now().getTime() + WAIT_MS),
    )
}
