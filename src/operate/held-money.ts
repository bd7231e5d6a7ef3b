import { and, eq } from 'drizzle-orm'

import {
  acceptedOf,
  canBeRefundedNow,
  findSpares,
  isContestedSince,
  type Spare,
} from '../collect/decide/next-refund.ts'
import { isUndecided } from '../collect/ledger.ts'
import { loadMoney } from '../collect/load.ts'
import { formatDodo } from '../collect/money.ts'
import { note } from '../collect/timeline.ts'
import type { Executor } from '../db/client.ts'
import { recordings } from '../db/schema.ts'
import type { Deps } from '../deps.ts'
import { wakeWithin } from '../wakes.ts'
import type { Outcome } from './audit.ts'
import { waitForLook } from './look-again.ts'

type Ruling = Pick<Deps, 'db' | 'queue' | 'now'>

/** Money of a payment that one receivable does not take, and what may be done about it. */
export type HeldMoney = {
  dodoPaymentId: string
  receivableId: string
  currency: string
  /** Dodo's minor units. */
  amount: number
  /** What of it a person has settled otherwise. */
  accepted: number
  madeAt: Date
  /** Why it cannot be given back now; undefined when it can. */
  whyNotGivenBack: string | undefined
  /** Why it cannot be accepted now. */
  whyNotAccepted: string | undefined
}

/** The money of a receivable's payments that it does not take. Empty where there is none, or all of it has gone back. */
export async function findHeldMoney(db: Executor, receivableId: string): Promise<HeldMoney[]> {
  const money = await loadMoney(db, receivableId)
  return findSpares({ receivableId, ...money }).map((spare) => ({
    dodoPaymentId: spare.payment.dodoPaymentId,
    receivableId,
    currency: spare.payment.currency,
    amount: spare.amount,
    accepted: acceptedOf(spare),
    madeAt: spare.payment.madeAt,
    whyNotGivenBack: whyNotGivenBack(spare),
    whyNotAccepted: whyNotAccepted(spare),
  }))
}

function whyNotGivenBack(spare: Spare): string | undefined {
  const { payment, recording } = spare
  if (payment.disputes.some(isUndecided))
    return 'it is disputed: the bank decides about it, and it would go back twice'
  if (!canBeRefundedNow(payment)) return 'a refund of this payment is on its way already'
  if (recording.ruling === 'give_back' && isAsked(spare)) return 'it is on its way back already'
  return undefined
}

const whyNotAccepted = (spare: Spare) =>
  acceptedOf(spare) === spare.amount ? 'it is accepted already' : whyNotGivenBack(spare)

/** Whether a person said so, and nothing was asked of Dodo on that word yet. */
const isAsked = ({ payment, recording: { ruledAt } }: Spare) =>
  !(ruledAt && isContestedSince(payment, ruledAt)) &&
  !payment.orders.some(({ orderedAt, creditNoteId }) => {
    return creditNoteId === null && Boolean(ruledAt && orderedAt && orderedAt >= ruledAt)
  })

type Word = {
  ruling: 'give_back' | 'accepted'
  who: string
  /** What the person saw and agreed to, in Dodo's minor units; undefined for whatever is held. */
  amount?: number | undefined
  why?: string | undefined
}

/**
 * Writes down what a person decided about held money, and has it carried out as everything else is: by the next look
 * at the receivable, which asks Dodo once. Of two at once one counts, because the row is locked.
 */
export async function ruleOnHeldMoney(
  deps: Ruling,
  { receivableId, dodoPaymentId }: { receivableId: string; dodoPaymentId: string },
  word: Word,
): Promise<Outcome> {
  const at = deps.now()
  const isMeant = and(
    eq(recordings.dodoPaymentId, dodoPaymentId),
    eq(recordings.receivableId, receivableId),
  )
  const refusal = await deps.db.transaction(async (tx) => {
    await tx.select({ id: recordings.dodoPaymentId }).from(recordings).where(isMeant).for('update')
    const held = (await findHeldMoney(tx, receivableId)).find(
      (one) => one.dodoPaymentId === dodoPaymentId,
    )
    if (!held) return 'nothing of this payment is held'
    const whyNot = word.ruling === 'accepted' ? held.whyNotAccepted : held.whyNotGivenBack
    if (whyNot) return whyNot
    const money = formatDodo(held.amount, held.currency)
    if (word.amount !== undefined && word.amount !== held.amount)
      return `${money} is held by now, which is not what was shown: look again`
    const ruled = `${word.who}${word.why ? `: ${word.why}` : ''}`
    await tx
      .update(recordings)
      .set({ ruling: word.ruling, ruledAt: at, ruledAmount: held.amount, ruledWhy: ruled })
      .where(isMeant)
    const does =
      word.ruling === 'accepted' ? 'accepted as settled by other means' : 'to be given back'
    const what = `${money} of payment ${dodoPaymentId} ${does}, by ${ruled}`
    await note(tx, receivableId, what, at)
    await wakeWithin({ db: tx, queue: deps.queue }, 'settle', [receivableId], 'operator')
    return undefined
  })
  if (refusal) return { isDone: false, said: refusal }
  return { isDone: true, said: await waitForLook(deps, receivableId, at) }
}

/** Everything of a payment that no receivable takes is given back, on a person's word. */
export async function giveBackPayment(
  deps: Ruling,
  dodoPaymentId: string,
  who: string,
): Promise<Outcome & { isKnown: boolean }> {
  const rows = await deps.db
    .select({ receivableId: recordings.receivableId })
    .from(recordings)
    .where(eq(recordings.dodoPaymentId, dodoPaymentId))
  const outcomes: Outcome[] = []
  for (const { receivableId } of rows) {
    const word = { ruling: 'give_back' as const, who }
    outcomes.push(await ruleOnHeldMoney(deps, { receivableId, dodoPaymentId }, word))
  }
  const told = outcomes.find(({ isDone }) => isDone) ?? outcomes[0]
  const none = { isDone: false, said: 'nothing of this payment is held' }
  return { ...(told ?? none), isKnown: rows.length > 0 }
}
