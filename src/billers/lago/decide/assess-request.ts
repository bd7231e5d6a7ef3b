import { isLive, type Ledger } from '../../../collect/ledger.ts'
import { formatBooks } from '../../../collect/money.ts'
import type { Standing, State } from '../../../collect/receivable.ts'
import type { Member } from './members.ts'

export const sumOf = (members: readonly Member[]) =>
  members.reduce((sum, { share }) => sum + share.amount, 0)

/**
 * Where a payment request stands once nothing is left to do about it: what can be paid now goes first, then
 * what is under way; it is paid only when Lago says so of its invoices, and never because nothing may be asked.
 */
export function assessRequest(
  { attempts, payments }: Pick<Ledger, 'attempts' | 'payments'>,
  members: readonly Member[],
  currency: string,
): Standing & { isPayable: boolean } {
  const due = sumOf(members)
  const live = attempts.find(isLive)
  const isTaken = payments.some(({ attemptId }) => attemptId === live?.id)
  if (due > 0 && !isTaken) {
    const sum = formatBooks(due, currency)
    const reason = live
      ? `waiting for the customer to pay ${sum}`
      : `the checkout is over; the pay link opens a new one for ${sum}`
    return { state: 'open', reason, isPayable: true }
  }
  const standing = due > 0 ? (findHoldUp(members) ?? BEING_RECORDED) : whyNothingIsAsked(members)
  return { ...standing, isPayable: false }
}

/** Why a payment request asks for nothing. */
export const whyNothingIsAsked = (members: readonly Member[]): Standing =>
  findHoldUp(members) ?? settled(members)

const BEING_RECORDED: Standing = {
  state: 'processing',
  reason: 'a payment is being recorded in Lago',
}

/** In this order: what ends by itself before what a person must look at. */
const HOLD_UPS = [
  ['bank', { state: 'processing', reason: 'a payment is being processed by the bank' }],
  ['charge', { state: 'processing', reason: 'the saved card is charged for an invoice of it' }],
  ['customer', { state: 'open', reason: 'the customer is about to pay' }],
  ['recording', BEING_RECORDED],
  ['held', { state: 'attention', reason: 'money that was paid for an invoice of it is held' }],
] as const

function findHoldUp(members: readonly Member[]): Standing | undefined {
  for (const [holdUp, outcome] of HOLD_UPS) {
    const held = members.find((one) => one.holdUp === holdUp)
    if (held) return { ...outcome, reason: `${outcome.reason} (${held.number})` }
  }
  return undefined
}

/** Nothing is asked for any more, by what Lago says of each invoice. */
function settled(members: readonly Member[]): Standing {
  const count = (state: State) => members.filter(({ standing }) => standing.state === state).length
  const [paid, voided] = [count('paid'), count('void')]
  const sum = [`${paid} of ${members.length} paid in Lago`, ...(voided ? [`${voided} void`] : [])]
  const uncollected = members.find(({ isUncollected }) => isUncollected)
  if (uncollected) {
    const { number, standing } = uncollected
    return { state: 'skipped', reason: `${number}: ${standing.reason}; ${sum.join(', ')}` }
  }
  if (paid > 0) return { state: 'paid', reason: sum.join(', ') }
  return voided > 0
    ? { state: 'void', reason: 'its invoices are void in Lago' }
    : { state: 'skipped', reason: 'nothing of it is due' }
}
