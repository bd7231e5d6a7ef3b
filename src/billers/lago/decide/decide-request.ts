import { heardOf, inOrder, money } from '../../../collect/decide/decide.ts'
import type { MoneyStep, Repose } from '../../../collect/decide/steps.ts'
import { isLive, type Ledger, type Policy } from '../../../collect/ledger.ts'
import {
  formatDodo,
  formatBooks,
  isSupportedCurrency,
  minimumDodoMinor,
  toDodoMinor,
} from '../../../collect/money.ts'
import type { Payer, Receivable, Standing } from '../../../collect/receivable.ts'
import { assessRequest, sumOf, whyNothingIsAsked } from './assess-request.ts'
import type { Member } from './members.ts'

/** A payment request of Lago, which asks for several invoices in one checkout. */
export type Request = { currency: string; payer: Pick<Payer, 'email' | 'country'> }

export type RequestStep = MoneyStep | ({ do: 'rest'; standing: Standing } & Repose)

/**
 * What is to be done next about a payment request: only the asking. What is paid through it is recorded by its
 * invoices, each its part, and whoever does not pay it is pursued by them.
 */
export function decideRequest(
  request: Request,
  members: readonly Member[],
  held: Ledger,
  policy: Policy,
  now: Date,
): RequestStep {
  const ledger = inOrder(held)
  const receivable = asReceivable(request, members, ledger)
  const choices = { ...policy, retryScheduleMs: [] }
  return (
    money.inHand(receivable, ledger, choices, now) ??
    money.toAsk(receivable, ledger, choices, now) ??
    restOf(receivable, members, heardOf(ledger, now))
  )
}

function restOf(
  { currency, whyNotCollected: why }: Receivable,
  members: readonly Member[],
  ledger: Ledger,
) {
  const { isPayable, ...standing } =
    why && !ledger.attempts.some(isLive)
      ? { ...why, isPayable: false }
      : assessRequest(ledger, members, currency)
  return { do: 'rest' as const, standing, isPayable, wakeAt: undefined }
}

const asReceivable = (
  { currency, payer }: Request,
  members: readonly Member[],
  { requestedBy }: Ledger,
): Receivable => {
  const why = whyNotCollected(currency, members)
  return {
    currency,
    due: sumOf(members),
    paid: 0,
    payer,
    whyNotCollected: why,
    whyNotAsked: why,
    cause: requestedBy ? 'customer' : 'merchant',
    members: members.map(({ share }) => share).filter(({ amount }) => amount > 0),
    proveSpare: () => 0,
  }
}

/** Only the whole sum must be what Dodo can collect. */
function whyNotCollected(currency: string, members: readonly Member[]): Standing | undefined {
  const due = sumOf(members)
  if (due === 0) return whyNothingIsAsked(members)
  if (!isSupportedCurrency(currency))
    return {
      state: 'attention',
      code: 'currency_unknown',
      reason: `${currency} cannot be collected`,
    }
  const least = minimumDodoMinor(currency)
  if (toDodoMinor(due, currency) >= least) return undefined
  const reason = `${formatBooks(due, currency)} is less than the ${formatDodo(least, currency)} that Dodo collects at least`
  return { state: 'attention', code: 'below_minimum', reason }
}
