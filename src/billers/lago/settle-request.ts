import { and, eq, inArray, isNotNull, sql } from 'drizzle-orm'

import { takeMoneyStep } from '../../collect/act/take-money-step.ts'
import { finishDeliveries } from '../../collect/finish-deliveries.ts'
import { loadLedger, payUrlOf, readReceivable, type ReceivableRow } from '../../collect/load.ts'
import type { Owed, Payer, Standing } from '../../collect/receivable.ts'
import { isRefused } from '../../collect/unknown-outcome.ts'
import { receivables } from '../../db/schema.ts'
import type { Deps } from '../../deps.ts'
import { PermanentError, reasonOf, WrongAddress } from '../../errors.ts'
import { wakeWithin } from '../../wakes.ts'
import { sumOf } from './decide/assess-request.ts'
import { decideRequest } from './decide/decide-request.ts'
import type { Member } from './decide/members.ts'
import { keyOf } from './invoice.ts'
import { ensureRequest, loadMembers, memberIds } from './load-request.ts'
import { moneyPolicy } from './policy.ts'
import { grantWish, reasonCodeOf } from './rest.ts'

type Outcome = Standing & { isPayable?: boolean; amountDue?: number }

/** More rounds than looking at one checkout, ending it and opening another need. */
const MAX_STEPS = 10

/**
 * Keeps one checkout for all invoices of a payment request. What is paid through it is recorded by settling
 * the invoices, each its part; here only the asking is done.
 */
export async function settleRequest(deps: Deps, lagoPaymentRequestId: string): Promise<void> {
  const request = await deps.lago.findPaymentRequest(lagoPaymentRequestId)
  const key = ['bundle', lagoPaymentRequestId] as const
  if (!request) {
    const outcome = 'Lago does not have this payment request'
    await answer(deps, lagoPaymentRequestId, deps.now())
    return finishDeliveries(deps.db, key, { at: deps.now(), outcome })
  }
  const row = await ensureRequest(deps, request)
  const outcome = await ask(deps, row).catch((error: unknown): Outcome => {
    const needsPerson = error instanceof PermanentError || error instanceof WrongAddress
    if (!needsPerson && !isRefused(error)) throw error
    return { state: 'attention', reason: reasonOf(error), ...reasonCodeOf(error) }
  })
  const at = deps.now()
  const { code, ...standing } = outcome
  await deps.db
    .update(receivables)
    .set({ isPayable: false, ...standing, reasonCode: code ?? null, settledAt: at })
    .where(eq(receivables.receivableId, lagoPaymentRequestId))
  if (row.requestedAt) await answer(deps, lagoPaymentRequestId, row.requestedAt)
  await finishDeliveries(deps.db, key, { at, outcome: `${outcome.state}: ${outcome.reason}` })
}

/**
 * The wish has been looked at. Whoever asked while we were at it asks for the next look, not for this one;
 * who came through the link of an invoice waits for the invoice, which goes on from here.
 */
async function answer(deps: Deps, lagoPaymentRequestId: string, answeredAt: Date) {
  const moment = sql`${answeredAt.toISOString()}::timestamptz`
  const isLater = sql`${receivables.requestedAt} > ${moment}`
  await deps.db.transaction(async (tx) => {
    await tx
      .update(receivables)
      .set({
        answeredAt: sql`greatest(${receivables.answeredAt}, ${moment})`,
        requestedAt: sql`case when ${isLater} then ${receivables.requestedAt} end`,
        requestedBy: sql`case when ${isLater} then ${receivables.requestedBy} end`,
      })
      .where(eq(receivables.receivableId, lagoPaymentRequestId))
    const waiting = await tx
      .select({ id: receivables.receivableId })
      .from(receivables)
      .where(
        and(
          inArray(receivables.receivableId, await memberIds(tx, lagoPaymentRequestId)),
          isNotNull(receivables.requestedAt),
        ),
      )
    const ids = waiting.map(({ id }) => id)
    await wakeWithin({ db: tx, queue: deps.queue }, 'settle', ids, 'customer')
  })
}

async function ask(deps: Deps, { receivableId }: ReceivableRow): Promise<Outcome> {
  const startedAt = deps.now()
  let payer: Payer | undefined
  for (let taken = 0; taken < MAX_STEPS; taken += 1) {
    const row = await readReceivable(deps.db, receivableId)
    const currency = row.currency ?? ''
    const members = await loadMembers(deps, row)
    const ledger = await loadLedger(deps, row)
    const policy = { ...moneyPolicy(deps, row.requestedBy === 'customer'), startedAt }
    // Who pays is only asked for where something may be asked of them.
    if (sumOf(members) > 0) payer ??= await deps.biller.findPayer(row.payerKey ?? '')
    const known = payer ?? { email: null, country: null }
    const step = decideRequest({ currency, payer: known }, members, ledger, policy, deps.now())
    if (step.do === 'rest') {
      return { ...step.standing, isPayable: step.isPayable, amountDue: sumOf(members) }
    }
    if (step.do === 'open_checkout' && !payer)
      throw new PermanentError('Lago does not have this customer any more', {
        code: 'lago_refused',
      })
    const owed = owedOf(deps, row, members, payer)
    await takeMoneyStep(deps, step, { owed, ledger, isStillWanted: async () => true })
    // A wish is granted once, whatever becomes of the checkout at once.
    if (step.do === 'open_checkout') await grantWish(deps, row)
  }
  throw new PermanentError('the payment request did not come to rest: please report this', {
    code: 'too_many_steps',
  })
}

const NOBODY = { name: '', email: null, country: null, postcode: null, currency: null }

function owedOf(
  { config }: Pick<Deps, 'config'>,
  row: ReceivableRow,
  members: readonly Member[],
  payer: Payer | undefined,
): Owed {
  const { receivableId, currency, payToken, payerKey } = row
  const asked = members.filter(({ portion }) => portion.amount > 0)
  const [first] = asked
  return {
    receivableId,
    payer: payer ?? { ...NOBODY, key: payerKey ?? '' },
    currency: currency ?? '',
    due: sumOf(members),
    portions: asked.map(({ portion }) => portion),
    description: `Invoices ${asked.map(({ number }) => number).join(', ')}`,
    describeAttempt: () =>
      `of payment request ${receivableId} (${asked.length} invoices): ${payUrlOf(config.publicUrl, payToken)}`,
    metadata: {
      lago_invoice_id: first?.portion.receivableId ?? '',
      lago_invoice_number: first?.number ?? '',
      lago_payment_request_id: receivableId,
    },
    keyOf: (number) => keyOf(`lago-req-${receivableId}`, number),
  }
}
