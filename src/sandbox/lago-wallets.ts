import { readCurrency } from './lago-currency.ts'
import { getCustomer } from './lago-customers.ts'
import { ZERO, add, exact, multiply, type Exact } from './lago-exact.ts'
import { createInvoice } from './lago-invoices.ts'
import { invalid, notFound } from './lago-refusal.ts'
import { timestamp, type LagoWorld, type Wallet, type WalletTransaction } from './lago-store.ts'
import { announceTransaction, settleTopUp, showWallet, toCents } from './lago-top-ups.ts'

const CREDITS = /^\d+(\.\d+)?$/

/** POST /wallets: an active wallet, and the top-up asked for along with it. */
export function createWallet(world: LagoWorld, input: Record<string, unknown>): Wallet {
  const customer = getCustomer(world, input['external_customer_id'])
  const wallet: Wallet = {
    lago_id: crypto.randomUUID(),
    customer,
    currency: readCurrency(input['currency'] ?? customer.currency ?? 'USD'),
    name: typeof input['name'] === 'string' ? input['name'] : null,
    status: 'active',
    rate_amount: exact(readCredits(input, 'rate_amount', '1.0')),
    balance: ZERO,
    created_at: timestamp(world.now()),
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

/**
 * POST /wallet_transactions. Granted credits count at once. Paid ones are billed by an invoice that
 * settles them when it is paid; with `invoice_requires_successful_payment` that invoice stays out of
 * sight until then.
 */
export function topUp(world: LagoWorld, input: Record<string, unknown>): WalletTransaction[] {
  const wallet = getWallet(world, input['wallet_id'])
  const paid = exact(readCredits(input, 'paid_credits', '0'))
  const granted = exact(readCredits(input, 'granted_credits', '0'))
  // Without a licence the wish is stored and has no effect.
  const isGated = input['invoice_requires_successful_payment'] === true

  const transactions: WalletTransaction[] = []
  if (paid.numerator > 0n) {
    const transaction = newTransaction(world, wallet, paid, input, 'purchased')
    transaction.invoice_requires_successful_payment = isGated
    transactions.push(transaction)
    announceTransaction(world, 'wallet_transaction.created', transaction)
    bill(world, transaction)
  }
  if (granted.numerator > 0n) {
    const transaction = newTransaction(world, wallet, granted, input, 'granted')
    Object.assign(transaction, { status: 'settled', settled_at: transaction.created_at })
    wallet.balance = add(wallet.balance, transaction.amount)
    transactions.push(transaction)
    announceTransaction(world, 'wallet_transaction.created', transaction)
  }
  return transactions
}

function newTransaction(
  world: LagoWorld,
  wallet: Wallet,
  credits: Exact,
  input: Record<string, unknown>,
  transactionStatus: 'purchased' | 'granted',
): WalletTransaction {
  const transaction: WalletTransaction = {
    lago_id: crypto.randomUUID(),
    wallet,
    invoice: null,
    status: 'pending',
    transaction_status: transactionStatus,
    transaction_type: 'inbound',
    amount: multiply(credits, wallet.rate_amount),
    credit_amount: credits,
    invoice_requires_successful_payment: false,
    name: typeof input['name'] === 'string' ? input['name'] : null,
    metadata: [],
    created_at: timestamp(world.now()),
    settled_at: null,
    failed_at: null,
  }
  world.store.walletTransactions.set(transaction.lago_id, transaction)
  return transaction
}

function bill(world: LagoWorld, transaction: WalletTransaction): void {
  const { wallet } = transaction
  const isHidden = transaction.invoice_requires_successful_payment && world.premium
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
