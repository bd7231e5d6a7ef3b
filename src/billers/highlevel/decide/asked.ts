import { decimalsAtDodo, minimumDodoMinor, toBooksMinor } from '../../../collect/money.ts'
import { toHundredths } from '../../../highlevel/amounts.ts'
import type { Mode } from '../../../highlevel/keys.ts'
import type { Order, Transaction } from '../../../highlevel/objects.ts'

/** Hundredths of a currency that has exactly two decimals: what HighLevel, Dodo and the ledger count alike. */
export type Money = { amount: number; currency: string }

/** Words for whoever pays. They tell nothing that the buyer did not send, but that it was not so. */
export type Refusal = { is: 'malformed' | 'conflict'; why: string }

const malformed = (why: string): Refusal => ({ is: 'malformed', why })
const conflict = (why: string): Refusal => ({ is: 'conflict', why })

export const isRefusal = (value: object): value is Refusal => 'why' in value

/** An amount of major units with its currency, exactly; or why it cannot be collected. */
export function readMoney({
  amount,
  currency: written,
}: {
  amount: unknown
  currency: string
}): Money | Refusal {
  const currency = written.trim().toUpperCase()
  if (decimalsAtDodo(currency) !== 2)
    return malformed(`currency ${short(currency)} is not supported`)
  const hundredths = toHundredths(amount)
  if (hundredths === undefined) return malformed('amount must have at most two decimals')
  // The ledger counts forints without hundredths, which nobody has.
  if (toBooksMinor(hundredths, currency) === undefined)
    return malformed(`amount must be a whole number of ${currency}`)
  return { amount: hundredths, currency }
}

/** Whether Dodo collects so little. */
export const findTooSmall = ({ amount, currency }: Money): Refusal | undefined =>
  amount < minimumDodoMinor(currency)
    ? malformed('amount is too small to be paid by card')
    : undefined

const short = (text: string) => text.slice(0, 3)

/** States in which something may still be paid. Words that we do not know are not among them. */
const PAYABLE = new Set(['', 'pending', 'failed', 'unpaid', 'incomplete', 'draft', 'open'])

type Expected = { locationId: string; mode: Mode; money: Money; contactId?: string | undefined }

/**
 * Compares what a browser, or a request, says with what HighLevel's own API says of the transaction, or of the order
 * that stands for it. What HighLevel does not say is not taken for agreement. Undefined when all of it agrees.
 */
export function findDisagreement(
  { locationId, mode, money, contactId }: Expected,
  found: Transaction | Order,
): Refusal | undefined {
  if (found.altId !== locationId) return conflict('HighLevel knows no such payment')
  if (found.liveMode !== (mode === 'live'))
    return conflict(`HighLevel does not hold this for a payment in ${mode} mode`)
  const actual = readMoney({ amount: found.amount, currency: found.currency ?? '' })
  if (isRefusal(actual)) return conflict('HighLevel names no amount that can be collected')
  if (actual.amount !== money.amount || actual.currency !== money.currency)
    return conflict('HighLevel asks for another amount: please start again')
  if (contactId !== undefined && found.contactId !== null && found.contactId !== contactId)
    return conflict('HighLevel holds this for somebody else')
  if (!PAYABLE.has((found.status ?? '').toLowerCase()))
    return conflict('this is paid already, or not to be paid any more')
  return undefined
}
