import { and, asc, eq, inArray } from 'drizzle-orm'

import { attempts, bundleInvoices, bundles, payments, shares } from '../db/schema.ts'
import type { Deps } from '../deps.ts'
import { decideBundle, shareOf, type BundleAttempt, type Share } from '../domain/decide-bundle.ts'
import { isLive, type Attempt, type Ledger } from '../domain/ledger.ts'
import {
  formatDodo,
  formatLago,
  isSupportedCurrency,
  minimumDodoMinor,
  toDodoMinor,
} from '../domain/money.ts'
import { Later, PermanentError, reasonOf, WrongAddress } from '../errors.ts'
import type { LagoPaymentRequest } from '../lago/objects.ts'
import { begin, endAttempt } from './attempts.ts'
import type { Checkouts, Demand } from './checkout.ts'
import { findCollectSince } from './collect-since.ts'
import { finishDeliveries } from './finish-deliveries.ts'
import { asInvoice, ensureInvoice, loadLedger, newPayToken, payUrlOf } from './load.ts'
import { asCheckout, openOnce } from './open-checkout.ts'
import { readSession } from './read-dodo.ts'
import { findInvoice } from './top-up.ts'
import { isRefused } from './unknown-outcome.ts'
import { wake } from './wake.ts'

type Bundling = Checkouts & Pick<Deps, 'lago' | 'queue'>
type BundleRow = typeof bundles.$inferSelect
type Member = { ledger: Ledger; share: Share; number: string; isSlow: boolean }
type Outcome = {
  state: BundleRow['state']
  reason: string
  amountDue?: number
  isPayable?: boolean
}

/** More rounds than opening one checkout needs. */
const MAX_STEPS = 6
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
    return finishDeliveries(deps.db, key, { at: deps.now(), outcome })
  }
  const row = await ensureBundle(deps, request)
  const outcome = await ask(deps, request, row).catch((error: unknown): Outcome => {
    const needsPerson = error instanceof PermanentError || error instanceof WrongAddress
    if (!needsPerson && !isRefused(error)) throw error
    return { state: 'attention', reason: reasonOf(error) }
  })
  const at = deps.now()
  await deps.db
    .update(bundles)
    .set({ isPayable: false, ...outcome, settledAt: at })
    .where(eq(bundles.lagoPaymentRequestId, lagoPaymentRequestId))
  if (row.requestedAt) await clearRequest(deps, row, row.requestedAt)
  await finishDeliveries(deps.db, key, { at, outcome: `${outcome.state}: ${outcome.reason}` })
}

/** Whoever asked while we were at it asks for the next look, not for this one. */
const clearRequest = ({ db }: Bundling, { lagoPaymentRequestId }: BundleRow, requestedAt: Date) =>
  db
    .update(bundles)
    .set({ requestedAt: null })
    .where(
      and(
        eq(bundles.lagoPaymentRequestId, lagoPaymentRequestId),
        eq(bundles.requestedAt, requestedAt),
      ),
    )

async function ensureBundle(deps: Bundling, request: LagoPaymentRequest): Promise<BundleRow> {
  const { lago_id: lagoPaymentRequestId } = request
  const oldestFirst = request.invoices.toSorted((one, other) =>
    `${one.issuing_date} ${one.number}`.localeCompare(`${other.issuing_date} ${other.number}`),
  )
  await deps.db.transaction(async (tx) => {
    await tx
      .insert(bundles)
      .values({
        lagoPaymentRequestId,
        lagoCustomerId: request.customer.external_id,
        currency: request.amount_currency,
        payToken: newPayToken(),
        createdAt: deps.now(),
      })
      .onConflictDoNothing()
    if (oldestFirst.length === 0) return
    await tx
      .insert(bundleInvoices)
      .values(
        oldestFirst.map(({ lago_id: lagoInvoiceId }, position) => ({
          lagoPaymentRequestId,
          lagoInvoiceId,
          position,
        })),
      )
      .onConflictDoNothing()
  })
  const [row] = await deps.db
    .select()
    .from(bundles)
    .where(eq(bundles.lagoPaymentRequestId, lagoPaymentRequestId))
  if (!row) throw new Error(`payment request ${lagoPaymentRequestId} vanished from the ledger`)
  return row
}

async function ask(deps: Bundling, request: LagoPaymentRequest, row: BundleRow): Promise<Outcome> {
  const isRequested = row.requestedAt !== null
  for (let taken = 0; taken < MAX_STEPS; taken += 1) {
    const members = await loadMembers(deps, row)
    const known = await loadBundleAttempts(deps, row)
    const wanted = members.map(({ share }) => share)
    const step = decideBundle(known, wanted, { isRequested, now: deps.now() })
    if (step.do === 'rest') return assess(row, known, members)
    if (step.do === 'end_attempt') {
      const { attempt, status, why } = step
      const [first] = attempt.shares
      await endAttempt(deps, first?.lagoInvoiceId ?? '', attempt, { status, at: deps.now(), why })
    } else {
      await openTogether(deps, { request, row, members, known, ...step })
    }
  }
  throw new PermanentError('the payment request did not come to rest: please report this')
}

async function loadMembers(deps: Bundling, { lagoPaymentRequestId }: BundleRow): Promise<Member[]> {
  const ids = await deps.db
    .select()
    .from(bundleInvoices)
    .where(eq(bundleInvoices.lagoPaymentRequestId, lagoPaymentRequestId))
    .orderBy(asc(bundleInvoices.position))
  const members: Member[] = []
  const collectSince = await findCollectSince(deps)
  for (const { lagoInvoiceId } of ids) {
    const invoiceRow = await ensureInvoice(deps, lagoInvoiceId)
    const invoice = await findInvoice(deps, lagoInvoiceId)
    const ledger = await loadLedger(deps, invoiceRow)
    members.push({
      ledger,
      share: shareOf(invoice && asInvoice(invoice), ledger, deps.now(), { collectSince }),
      number: invoice?.number ?? lagoInvoiceId,
      isSlow: ledger.payments.some(({ status, attemptId }) => status === 'processing' && attemptId),
    })
  }
  return members
}

async function loadBundleAttempts(
  { db }: Bundling,
  { lagoPaymentRequestId }: BundleRow,
): Promise<BundleAttempt[]> {
  const rows = await db
    .select()
    .from(attempts)
    .where(eq(attempts.lagoPaymentRequestId, lagoPaymentRequestId))
    .orderBy(asc(attempts.number))
  const ids = rows.map(({ id }) => id)
  const parts = ids.length
    ? await db
        .select()
        .from(shares)
        .where(inArray(shares.attemptId, ids))
        .orderBy(asc(shares.position))
    : []
  const paid = ids.length
    ? await db.select().from(payments).where(inArray(payments.attemptId, ids))
    : []
  return rows.map((one) => ({
    ...one,
    shares: parts.filter(({ attemptId }) => attemptId === one.id),
    isBeingPaid: paid.some(({ attemptId }) => attemptId === one.id),
  }))
}

function assess(row: BundleRow, known: BundleAttempt[], members: Member[]): Outcome {
  const amountDue = members.reduce((sum, { share }) => sum + share.amount, 0)
  if (members.some(({ isSlow }) => isSlow)) {
    return { state: 'processing', reason: 'a payment is being processed by the bank', amountDue }
  }
  if (amountDue === 0) return { state: 'paid', reason: 'nothing of it is due any more', amountDue }
  const sum = formatLago(amountDue, row.currency)
  const isOpen = known.some(isLive)
  const reason = isOpen
    ? `waiting for the customer to pay ${sum}`
    : `the checkout is over; the pay link opens a new one for ${sum}`
  return { state: 'open', reason, amountDue, isPayable: true }
}

type Opening = {
  request: LagoPaymentRequest
  row: BundleRow
  members: Member[]
  known: BundleAttempt[]
  resume: BundleAttempt | undefined
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
  if (opened) await wake(deps, lagoInvoiceIds, 'operator')
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
  { row, members, shares: parts }: Opening,
  { kind, number, amount }: { kind: Attempt['kind']; number: number; amount: number },
) {
  const { lagoPaymentRequestId, currency, requestedAt } = row
  const own = members.flatMap(({ ledger, share }) => {
    const attempt = share.amount > 0 ? ledger.attempts.find(isLive) : undefined
    return attempt ? [{ attempt, lagoInvoiceId: ledger.lagoInvoiceId }] : []
  })
  for (const { attempt } of own) await assertUnpaid(deps, attempt)
  const at = deps.now()
  const why = `payment request ${lagoPaymentRequestId} asks for it together with others`
  return deps.db.transaction(async (tx) => {
    const within = { ...deps, db: tx }
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
async function assertUnpaid(deps: Bundling, attempt: Attempt) {
  const { dodoSessionId } = attempt
  if (!dodoSessionId) return
  await readSession(deps, attempt, { dodoSessionId })
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
