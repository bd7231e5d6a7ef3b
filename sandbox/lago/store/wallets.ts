import { readCurrency } from './currency.ts'
import { getCustomer } from './customers.ts'
import { ZERO, add, exact } from './exact.ts'
import { createInvoice } from './invoices.ts'
import { invalid, notFound } from './refusal.ts'
import { timestamp, type LagoWorld } from './store.ts'
import {
  announceTransaction,
  announceWallet,
  newTransaction,
  settleTopUp,
  showWallet,
  toCents,
} from './top-ups.ts'
import { TOP_UP_SOURCES, type Wallet, type WalletTransaction } from './wallet-record.ts'

const CREDITS = /^\d+(\.\d+)?$/
const MAX_METADATA_PAIRS = 15
const MAX_METADATA_KEY_LENGTH = 20
const MAX_METADATA_VALUE_LENGTH = 100

/** POST /wallets: an active wallet, and the top-up asked for along with it. */
export function createWallet(world: LagoWorld, input: Record<string, unknown>): Wallet {
  const customer = getCustomer(world, input['external_customer_id'])
  const wallet: Wallet = {
    lago_id: crypto.randomUUID(),
    customer,
    currency: readCurrency(input['currency'] ?? customer.currency ?? 'USD'),
    name: typeof input['name'] === 'string' ? input['name'] : null,
    status: 'active',
    invoice_requires_successful_payment: input['invoice_requires_successful_payment'] === true,
    rate_amount: exact(readCredits(input, 'rate_amount', '1.0')),
    balance: ZERO,
    created_at: timestamp(world.now()),
    terminated_at: null,
  }
  world.store.wallets.set(wallet.lago_id, wallet)
  world.announce('wallet.created', 'wallet', showWallet(wallet))
  topUp(world, { ...input, wallet_id: wallet.lago_id })
  return wallet
}

/** The wallet, or Lago's 404. */
export function getWallet(world: LagoWorld, lagoId: unknown): Wallet {
  const wallet = typeof lagoId === 'string' ? world.store.wallets.get(lagoId) : undefined
  if (!wallet) throw notFound('wallet')
  return wallet
}

/** DELETE /wallets/:id: no more credits come out of it, nor can they be refunded. */
export function terminateWallet(world: LagoWorld, lagoId: string): Wallet {
  const wallet = getWallet(world, lagoId)
  if (wallet.status === 'terminated') return wallet
  wallet.status = 'terminated'
  // One of the few moments that Lago sends with its milliseconds.
  wallet.terminated_at = world.now().toISOString()
  world.announce('wallet.terminated', 'wallet', showWallet(wallet))
  return wallet
}

/**
 * POST /wallet_transactions. Granted credits count at once. Paid ones are billed by an invoice that
 * settles them when it is paid; with `invoice_requires_successful_payment` that invoice stays out of
 * sight until then.
 */
export function topUp(world: LagoWorld, input: Record<string, unknown>): WalletTransaction[] {
  const wallet = getWallet(world, input['wallet_id'])
  const paid = exact(readCredits(input, 'paid_credits', '0'))
  const granted = exact(readCredits(input, 'granted_credits', '0'))
  const gate = input['invoice_requires_successful_payment']
  const shared = {
    name: typeof input['name'] === 'string' ? input['name'] : null,
    metadata: readMetadata(input['metadata']),
    source: TOP_UP_SOURCES.find((source) => source === input['source']) ?? 'manual',
    // Without a licence the wish is stored and has no effect.
    invoice_requires_successful_payment:
      typeof gate === 'boolean' ? gate : wallet.invoice_requires_successful_payment,
  } as const

  const transactions: WalletTransaction[] = []
  if (paid.numerator > 0n) {
    const kind = { ...shared, transaction_status: 'purchased' } as const
    const transaction = newTransaction(world, wallet, paid, kind)
    transactions.push(transaction)
    announceTransaction(world, 'wallet_transaction.created', transaction)
    billSoon(world, transaction)
  }
  if (granted.numerator > 0n) {
    const kind = { ...shared, transaction_status: 'granted' } as const
    const transaction = newTransaction(world, wallet, granted, kind)
    Object.assign(transaction, { status: 'settled', settled_at: transaction.created_at })
    wallet.balance = add(wallet.balance, transaction.amount)
    transactions.push(transaction)
    announceTransaction(world, 'wallet_transaction.created', transaction)
    announceWallet(world, wallet)
  }
  return transactions
}

/** Lago bills in a job of its own, which may take its time. */
function billSoon(world: LagoWorld, transaction: WalletTransaction): void {
  if (world.topUpDelayMs === 0) bill(world, transaction)
  else world.later(world.topUpDelayMs, () => bill(world, transaction))
}

function bill(world: LagoWorld, transaction: WalletTransaction): void {
  const { wallet } = transaction
  const isGated = transaction.invoice_requires_successful_payment && world.since('1.8.2')
  const isHidden = isGated && world.premium
  const fee = {
    amountCents: toCents(transaction.amount, wallet.currency),
    name: 'Prepaid credits',
    code: 'credit',
    type: 'credit' as const,
    itemId: transaction.lago_id,
  }
  transaction.invoice = createInvoice(world, {
    externalCustomerId: wallet.customer.external_id,
    currency: wallet.currency,
    invoiceType: 'credit',
    status: isHidden ? 'open' : 'finalized',
    fees: [fee],
  })
  if (transaction.invoice.payment_status === 'succeeded') settleTopUp(world, transaction.invoice)
}

/** Credits are decimal texts; a JSON number is refused. */
function readCredits(input: Record<string, unknown>, name: string, otherwise: string): string {
  const value = input[name] ?? otherwise
  if (typeof value === 'string' && CREDITS.test(value)) return value
  throw invalid({ [name]: [`invalid_${name}`, 'invalid_amount'] })
}

function readMetadata(given: unknown): { key: string; value: string }[] {
  if (!Array.isArray(given)) return []
  if (given.length > MAX_METADATA_PAIRS) throw invalid({ metadata: ['invalid_count'] })
  return given.map((pair: unknown) => {
    const { key, value } = { key: '', value: '', ...(pair as object) }
    if (typeof key !== 'string' || typeof value !== 'string')
      throw invalid({ metadata: ['invalid_key_value_pair'] })
    const isTooLong =
      key.length > MAX_METADATA_KEY_LENGTH || value.length > MAX_METADATA_VALUE_LENGTH
    if (isTooLong) throw invalid({ metadata: ['value_is_too_long'] })
    return { key, value }
  })
}
