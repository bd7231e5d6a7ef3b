import { isLive } from '../../collect/ledger.ts'
import { payUrlOf } from '../../collect/load.ts'
import { isSupportedCurrency, minimumDodoMinor } from '../../collect/money.ts'
import type { Deps } from '../../deps.ts'
import { decimalsInShop } from '../../openfront/currencies.ts'
import { wake } from '../../wakes.ts'
import { findAppliedTo } from './decide/decide.ts'
import { NotInTime, outcomeOf, readStanding, waitFor, type Standing } from './look.ts'
import { ensureOrder, toBooksMinor, type Asked, type Scope } from './order.ts'

type Creating = Pick<Deps, 'config' | 'db' | 'queue' | 'now'>

/** Why the amount cannot be collected, in words for the shop; undefined when it can. */
export function findUncollectable({ amount, currency }: Pick<Asked, 'amount' | 'currency'>) {
  if (decimalsInShop(currency) === undefined || !isSupportedCurrency(currency))
    return `currency ${currency} is not supported`
  if (toBooksMinor(amount, currency) === undefined)
    return `amount must be a whole number of ${currency}`
  // In all currencies that are left the shop's units are Dodo's.
  const least = minimumDodoMinor(currency)
  return amount < least ? `amount is too small: Dodo collects ${least} or more` : undefined
}

/** The order of a cart with a checkout, or `refused` when Dodo takes no such payment. Throws `NotInTime`. */
export async function createPayment(
  deps: Creating,
  scope: Scope,
  asked: Asked,
): Promise<{ standing: Standing; payUrl: string; status: string } | 'refused'> {
  const { order, superseded } = await ensureOrder(deps, scope, asked)
  const { orderId } = order
  if (superseded) await wake(deps, 'settle', [superseded], 'customer')
  const known = await readStanding(deps, orderId)
  if (!isReady(known)) await wake(deps, 'settle', [orderId], 'customer')
  const standing = await waitFor(async () => {
    const now = await readStanding(deps, orderId)
    return isReady(now) || now.row.state === 'attention' ? now : undefined
  })
  if (!standing) throw new NotInTime('no checkout was opened in time')
  if (!isReady(standing)) return 'refused'
  const payUrl = payUrlOf(deps.config.publicUrl, standing.row.payToken)
  const { status } = outcomeOf(standing)
  return { standing, payUrl, status: status === 'captured' ? status : 'pending' }
}

/** Something to pay in, or that was paid in: the pay link renews what has ended since. */
const isReady = ({ ledger }: Standing) =>
  findAppliedTo(ledger) !== undefined ||
  ledger.attempts.some((one) => !isLive(one) || one.status === 'live')
