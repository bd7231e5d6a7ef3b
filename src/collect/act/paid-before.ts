import { and, eq, isNotNull } from 'drizzle-orm'

import { isAnyOf } from '../../db/any-of.ts'
import { payers, payments } from '../../db/schema.ts'
import type { Deps } from '../deps.ts'
import type { DodoPaymentRow } from '../../dodo/objects.ts'
import { Later } from '../../errors.ts'
import { UNBEGUN, type Ledger } from '../ledger.ts'
import { toDodoMinor } from '../money.ts'
import type { Owed } from '../receivable.ts'

type Looking = Pick<Deps, 'biller' | 'db' | 'dodo' | 'now'>
type Wanted = { owed: Owed; ledger: Ledger }
/** What Dodo says of a charge: the payment that it became and, where it was found, its amount. */
export type Charged = { payment_id: string; amount?: number | undefined }

/** How often it is looked whether somebody has settled what claims to pay the receivable. */
const CLAIM_MS = 15 * 60_000
/** A payment that took no money is no reason not to charge. */
const TOOK_NOTHING = ['failed', 'cancelled']

/** Whether a payment says that it is for this receivable. */
export const paysFor = async (
  { biller }: Pick<Deps, 'biller'>,
  { receivableId }: Owed,
  { metadata }: DodoPaymentRow,
) => biller.named(metadata) === receivableId && !(await biller.isForeign(metadata))

/**
 * What was paid for it already and this ledger, which may be new or older, knows no attempt for. A charge of one of
 * the payer's cards is this charge. Anything else may be a stranger's claim, or the checkout of a lost ledger: as
 * long as it could pay what is owed a person has to say (`Later`), because nothing may be charged beside it.
 */
export async function findPaidBefore(
  deps: Looking,
  { owed, ledger }: Wanted,
  dodoSubscriptionId: string,
): Promise<Charged | undefined> {
  const { biller } = deps
  const cards = [dodoSubscriptionId, ...ledger.mandates.map((one) => one.dodoSubscriptionId)]
  // One that was heard of before its charge was found is held as nobody's, until it is found here.
  const known = ledger.payments
    .filter((one) => one.attemptId !== null || one.refunds.length + one.disputes.length > 0)
    .map(({ dodoPaymentId }) => dodoPaymentId)
  const paid: DodoPaymentRow[] = []
  for (const one of await listPaid(deps, owed, cards))
    if (
      !known.includes(one.payment_id) &&
      !TOOK_NOTHING.includes(one.status) &&
      (one.status !== UNBEGUN || isChargeOf(one, cards)) &&
      !(await biller.isForeign(one.metadata))
    )
      paid.push(one)
  const isOfSeveral = ({ metadata }: DodoPaymentRow) => biller.isOfSeveral(metadata)
  const ours = paid.filter(({ metadata }) => biller.named(metadata) === owed.receivableId)
  const made = ours.find((one) => isChargeOf(one, cards) && !isOfSeveral(one))
  if (made) return { payment_id: made.payment_id, amount: made.total_amount }
  const due = toDodoMinor(owed.due, owed.currency)
  const claims = [...ours, ...paid.filter(isOfSeveral)].filter(
    (one) =>
      one.total_amount >= due && one.currency === owed.currency && one.refund_status !== 'full',
  )
  const claim = await findUnrecorded(deps, claims, owed)
  if (!claim) {
    // Somebody may have recorded it only after the books were read for this charge.
    if (claims.length > 0) await assureDue(deps, owed, { isDoubted: true })
    return undefined
  }
  throw new Later(
    `the card is not charged beside ${claim.payment_id}, which says it pays this invoice: record it in ${biller.name} under that reference, or refund it`,
    new Date(deps.now().getTime() + CLAIM_MS),
  )
}

/** Throws where the books do not say any more that exactly this is due: it is decided anew on what they say. */
export async function assureDue(
  { biller, now }: Pick<Looking, 'biller' | 'now'>,
  owed: Owed,
  options?: { isDoubted: boolean },
): Promise<void> {
  if (await owed.isStillDue(options)) return
  throw new Later(`what is due changed in ${biller.name} before the card was charged`, now())
}

/**
 * One request for all cards of whom they belong to. A card that it shows no payment of may be another customer's, of
 * whom ours was made anew, or merged from, at Dodo: it is asked for by itself.
 */
async function listPaid({ db, dodo }: Looking, { payer }: Owed, cards: readonly string[]) {
  const [known] = await db
    .select({ dodoCustomerId: payers.dodoCustomerId })
    .from(payers)
    .where(eq(payers.payerKey, payer.key))
  const listed = known?.dodoCustomerId ? await dodo.listCustomerPayments(known.dodoCustomerId) : []
  const shown = new Set(listed.map(({ subscription_id }) => subscription_id))
  for (const card of new Set(cards))
    if (!shown.has(card)) listed.push(...(await dodo.listMandatePayments(card)))
  return listed
}

/**
 * What this ledger asked for, or the books hold for whatever it names, is history. A payment for several names one of
 * them only, so another one may be for this receivable, too.
 */
async function findUnrecorded(
  { biller, db }: Looking,
  claims: DodoPaymentRow[],
  { receivableId }: Owed,
): Promise<DodoPaymentRow | undefined> {
  if (claims.length === 0) return undefined
  const ids = claims.map(({ payment_id }) => payment_id)
  const asked = await db
    .select({ id: payments.dodoPaymentId })
    .from(payments)
    .where(and(isAnyOf(payments.dodoPaymentId, ids), isNotNull(payments.attemptId)))
  for (const one of claims) {
    if (asked.some(({ id }) => id === one.payment_id)) continue
    const named = biller.named(one.metadata) ?? receivableId
    if (!(await biller.holds(named, one.payment_id))) return one
  }
  return undefined
}

const isChargeOf = ({ subscription_id }: DodoPaymentRow, cards: readonly string[]) =>
  subscription_id !== null && cards.includes(subscription_id)
