import { and, eq, inArray, isNotNull, sql } from 'drizzle-orm'

import { takeMoneyStep } from '../../collect/act/take-money-step.ts'
import { finishDeliveries } from '../../collect/finish-deliveries.ts'
import { isLive } from '../../collect/ledger.ts'
import { loadAttempts, loadLedger, payUrlOf, type ReceivableRow } from '../../collect/load.ts'
import type { Owed, Payer, Standing } from '../../collect/receivable.ts'
import { findSelection, forgetMembers } from '../../collect/selection.ts'
import { isRefused } from '../../collect/unknown-outcome.ts'
import { receivables } from '../../db/schema.ts'
import type { Deps } from '../../deps.ts'
import { planMails } from '../../mail/mails.ts'
import { mailsOfRequest } from '../../mail/plan.ts'
import { PermanentError, reasonOf, WrongAddress } from '../../errors.ts'
import { wakeWithin } from '../../wakes.ts'
import { SELECTION_ENTRY } from './biller.ts'
import { sumOf } from './decide/assess-request.ts'
import { decideRequest } from './decide/decide-request.ts'
import type { Member } from './decide/members.ts'
import { keyOf } from './invoice.ts'
import { ensureRequest, loadMembers, memberIds } from './load-request.ts'
import { moneyPolicy } from './policy.ts'
import { asMended } from '../../collect/explain-settings.ts'
import { grantWish, reasonCodeOf } from './rest.ts'

type Outcome = Standing & { isPayable?: boolean; amountDue?: number }

/** More rounds than looking at one checkout, ending it and opening another need. */
const MAX_STEPS = 10

/**
 * Keeps one checkout for all invoices of a payment request. What is paid through it is recorded by settling
 * the invoices, each its part; here only the asking is done.
 */
export async function settleRequest(deps: Deps, receivableId: string): Promise<void> {
  const selection = await findSelection(deps.db, receivableId)
  if (selection) return settleAsking(deps, selection)
  const request = await deps.lago.findPaymentRequest(receivableId)
  if (request) return settleAsking(deps, { row: await ensureRequest(deps, request) })
  const outcome = 'Lago does not have this payment request'
  await answer(deps, receivableId, deps.now())
  return finishDeliveries(deps.db, ['bundle', receivableId], { at: deps.now(), outcome })
}

/** A payment request of Lago, or what a payer chose to pay together; of the latter, whether they still want to. */
type Asking = { row: ReceivableRow; isSuperseded?: boolean }

async function settleAsking(deps: Deps, { row, isSuperseded = false }: Asking) {
  const { receivableId } = row
  const key = ['bundle', receivableId] as const
  const asked = isSuperseded ? letGo(deps, row) : ask(deps, row)
  const outcome = await asked.catch((error: unknown): Outcome => {
    const needsPerson = error instanceof PermanentError || error instanceof WrongAddress
    if (!needsPerson && !isRefused(error)) throw error
    const trouble = asMended(error)
    return { state: 'attention', reason: reasonOf(trouble), ...reasonCodeOf(trouble) }
  })
  const at = deps.now()
  const { code, ...standing } = outcome
  const seen = { isPayable: false, ...standing }
  await deps.db.transaction(async (tx) => {
    await tx
      .update(receivables)
      .set({ ...seen, reasonCode: code ?? null, settledAt: at })
      .where(eq(receivables.receivableId, receivableId))
    const resting = { ...row, ...seen, issuedAt: row.createdAt }
    // What a customer chose to pay together needs no mail.
    if (row.kind === 'payment_request')
      await planMails(tx, mailsOfRequest(resting, deps.config.mail, at), at)
  })
  if (row.requestedAt) await answer(deps, receivableId, row.requestedAt)
  await finishDeliveries(deps.db, key, { at, outcome: `${outcome.state}: ${outcome.reason}` })
}

/** Its checkout ends, unless somebody is paying there; what was paid through it stays paid. */
async function letGo(deps: Deps, row: ReceivableRow): Promise<Outcome> {
  await ask(deps, row, { isSuperseded: true })
  const attempts = await loadAttempts(deps.db, row.receivableId)
  if (!attempts.some(isLive)) await forgetMembers(deps.db, row.receivableId)
  return row.state === 'paid'
    ? { state: 'paid', reason: row.reason, amountDue: 0 }
    : { state: 'void', reason: 'the customer chose to pay otherwise', amountDue: 0 }
}

/**
 * The wish has been looked at. Whoever asked while we were at it asks for the next look, not for this one;
 * who came through the link of an invoice waits for the invoice, which goes on from here.
 */
async function answer(deps: Deps, receivableId: string, answeredAt: Date) {
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
      .where(eq(receivables.receivableId, receivableId))
    const waiting = await tx
      .select({ id: receivables.receivableId })
      .from(receivables)
      .where(
        and(
          inArray(receivables.receivableId, await memberIds(tx, receivableId)),
          isNotNull(receivables.requestedAt),
        ),
      )
    const ids = waiting.map(({ id }) => id)
    await wakeWithin({ db: tx, queue: deps.queue }, 'settle', ids, 'customer')
  })
}

async function ask(
  deps: Deps,
  { receivableId }: ReceivableRow,
  { isSuperseded = false } = {},
): Promise<Outcome> {
  const startedAt = deps.now()
  let payer: Payer | undefined
  for (let taken = 0; taken < MAX_STEPS; taken += 1) {
    const members = isSuperseded ? [] : await loadMembers(deps, { receivableId })
    const { row, ledger } = await loadLedger(deps, receivableId)
    const currency = row.currency ?? ''
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
  const asked = members.filter(({ share }) => share.amount > 0)
  const [first] = asked
  const kind = KINDS[row.kind === 'selection' ? 'selection' : 'payment_request']
  return {
    receivableId,
    payer: payer ?? { ...NOBODY, key: payerKey ?? '' },
    currency: currency ?? '',
    due: sumOf(members),
    shares: asked.map(({ share }) => share),
    description: `Invoices ${asked.map(({ number }) => number).join(', ')}`,
    askedBy: `${kind.what} ${receivableId}`,
    describeAttempt: () =>
      `of ${kind.what} ${receivableId} (${asked.length} invoices): ${payUrlOf(config.publicUrl, payToken)}`,
    metadata: {
      lago_invoice_id: first?.share.receivableId ?? '',
      lago_invoice_number: first?.number ?? '',
      [kind.metadata]: receivableId,
    },
    keyOf: (number) => keyOf(`${kind.key}-${receivableId}`, number),
    // No card is charged for several invoices together: its checkout is looked at, and ended, when one of them changes.
    isStillDue: async () => true,
  }
}

const KINDS = {
  payment_request: {
    what: 'payment request',
    metadata: 'lago_payment_request_id',
    key: 'lago-req',
  },
  selection: { what: 'selection', metadata: SELECTION_ENTRY, key: 'lago' },
} as const
