import type { BundleAttempt, Member } from './decide-bundle.ts'
import type { State } from './collectable.ts'
import { isLive } from './ledger.ts'
import { formatLago } from './money.ts'

/** Where a payment request stands, why, how much it asks for, and whether its checkout may be handed out. */
export type BundleStanding = {
  state: Exclude<State, 'failed'>
  reason: string
  amountDue: number
  isPayable: boolean
}

/**
 * Where a payment request stands once nothing is left to do about it: what can be paid now goes first, then
 * what is under way; it is paid only when Lago says so of its invoices, and never because nothing may be asked.
 */
export function assessBundle(
  attempts: readonly BundleAttempt[],
  members: readonly Member[],
  currency: string,
): BundleStanding {
  const amountDue = members.reduce((sum, { share }) => sum + share.amount, 0)
  const live = attempts.find(isLive)
  const isTaken = live?.payment !== undefined
  if (amountDue > 0 && !isTaken) {
    const sum = formatLago(amountDue, currency)
    const reason = live
      ? `waiting for the customer to pay ${sum}`
      : `the checkout is over; the pay link opens a new one for ${sum}`
    return { state: 'open', reason, amountDue, isPayable: true }
  }
  const standing = findHoldUp(members) ?? (amountDue > 0 ? BEING_RECORDED : settled(members))
  return { ...standing, amountDue, isPayable: false }
}

type Outcome = Pick<BundleStanding, 'state' | 'reason'>

const BEING_RECORDED: Outcome = {
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

function findHoldUp(members: readonly Member[]): Outcome | undefined {
  for (const [holdUp, outcome] of HOLD_UPS) {
    const held = members.find((one) => one.holdUp === holdUp)
    if (held) return { ...outcome, reason: `${outcome.reason} (${held.number})` }
  }
  return undefined
}

/** Nothing is asked for any more, by what Lago says of each invoice. */
function settled(members: readonly Member[]): Outcome {
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
