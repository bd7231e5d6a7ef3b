import type { WalletObject, WalletTransactionObject } from 'lago-javascript-client'
import { exponentOf, type Currency } from './currency.ts'
import { add, decimalText, divide, exact, multiply, round, subtract, type Exact } from './exact.ts'
import { BILLING_ENTITY, type Sent } from './shapes.ts'
import type { Invoice } from './records.ts'
import { timestamp, type LagoWorld } from './store.ts'
import type { Wallet, WalletTransaction } from './wallet-record.ts'

const MANUAL_PAYMENT_METHOD = { payment_method_id: null, payment_method_type: 'provider' } as const

/** The credits of a paid top-up reach the wallet, once however often the invoice is marked paid. */
export function settleTopUp(world: LagoWorld, invoice: Invoice): void {
  const transaction = topUpOf(world, invoice)
  if (!transaction || transaction.status === 'settled') return

  transaction.status = 'settled'
  transaction.settled_at = timestamp(world.now())
  transaction.failed_at = null
  transaction.wallet.balance = add(transaction.wallet.balance, transaction.amount)
  announceTransaction(world, 'wallet_transaction.updated', transaction)
  announceWallet(world, transaction.wallet)
}

/** A top-up fails with its invoice; credits already granted stay granted. */
export function failTopUp(world: LagoWorld, invoice: Invoice): void {
  const transaction = topUpOf(world, invoice)
  if (transaction?.status !== 'pending') return

  transaction.status = 'failed'
  transaction.failed_at = timestamp(world.now())
  announceTransaction(world, 'wallet_transaction.updated', transaction)
}

/** The wallet transaction that a prepaid-credit invoice pays for. */
export function topUpOf(world: LagoWorld, invoice: Invoice): WalletTransaction | undefined {
  const itemId = invoice.fees[0]?.item_id
  return itemId === undefined ? undefined : world.store.walletTransactions.get(itemId)
}

/** A transaction as it begins: pending, and coming in. */
export function newTransaction(
  world: LagoWorld,
  wallet: Wallet,
  credits: Exact,
  kind: Pick<WalletTransaction, 'transaction_status'> & Partial<WalletTransaction>,
): WalletTransaction {
  const transaction: WalletTransaction = {
    lago_id: crypto.randomUUID(),
    wallet,
    invoice: null,
    credit_note: null,
    voided_invoice: null,
    status: 'pending',
    transaction_type: 'inbound',
    source: 'manual',
    amount: multiply(credits, wallet.rate_amount),
    credit_amount: credits,
    invoice_requires_successful_payment: false,
    name: null,
    metadata: [],
    created_at: timestamp(world.now()),
    settled_at: null,
    failed_at: null,
    ...kind,
  }
  world.store.walletTransactions.set(transaction.lago_id, transaction)
  return transaction
}

/** Credits of the major unit that come or go at once, announced along with the new balance. */
export function moveCredits(
  world: LagoWorld,
  wallet: Wallet,
  amount: Exact,
  kind: Pick<WalletTransaction, 'transaction_status' | 'transaction_type'> &
    Partial<WalletTransaction>,
): WalletTransaction {
  const transaction = newTransaction(world, wallet, divide(amount, wallet.rate_amount), kind)
  Object.assign(transaction, { status: 'settled', settled_at: transaction.created_at })
  const isIncoming = kind.transaction_type === 'inbound'
  wallet.balance = isIncoming ? add(wallet.balance, amount) : subtract(wallet.balance, amount)
  announceTransaction(world, 'wallet_transaction.created', transaction)
  announceWallet(world, wallet)
  return transaction
}

/** Announces a wallet whose balance has changed. */
export function announceWallet(world: LagoWorld, wallet: Wallet): void {
  world.announce('wallet.updated', 'wallet', showWallet(wallet))
}

/** Announces a wallet transaction; unlike over the API, its wallet comes with it. */
export function announceTransaction(
  world: LagoWorld,
  event: 'wallet_transaction.created' | 'wallet_transaction.updated',
  transaction: WalletTransaction,
): void {
  const wallet = showWallet(transaction.wallet)
  world.announce(event, 'wallet_transaction', { ...showTransaction(transaction), wallet })
}

/** An amount of the major unit in minor units. */
export function toCents(amount: Exact, currency: Currency): number {
  return round(multiply(amount, exact(10 ** exponentOf(currency))))
}

/** A wallet as the API shows it. */
export function showWallet({ customer, balance, ...wallet }: Wallet) {
  const credits = decimalText(divide(balance, wallet.rate_amount))
  const balanceCents = toCents(balance, wallet.currency)
  return {
    ...wallet,
    lago_customer_id: customer.lago_id,
    external_customer_id: customer.external_id,
    rate_amount: decimalText(wallet.rate_amount),
    credits_balance: credits,
    balance_cents: balanceCents,
    consumed_credits: '0.0',
    expiration_at: null,
    ongoing_balance_cents: balanceCents,
    ongoing_usage_balance_cents: 0,
    credits_ongoing_balance: credits,
    credits_ongoing_usage_balance: '0.0',
  } satisfies Sent<WalletObject>
}

/** A wallet transaction as the API shows it. */
export function showTransaction(record: WalletTransaction) {
  const { wallet, invoice, credit_note: note, voided_invoice: voided, ...transaction } = record
  const checked = {
    ...transaction,
    lago_wallet_id: wallet.lago_id,
    lago_invoice_id: invoice?.lago_id ?? null,
    lago_credit_note_id: note?.lago_id ?? null,
    lago_voided_invoice_id: voided?.lago_id ?? null,
    amount: decimalText(transaction.amount),
    credit_amount: decimalText(transaction.credit_amount),
    remaining_amount_cents: null,
    remaining_credit_amount: null,
    priority: 50,
    purchase_order_number: null,
    payment_method: MANUAL_PAYMENT_METHOD,
  } satisfies Sent<WalletTransactionObject>
  return { ...checked, billing_entity_code: BILLING_ENTITY }
}
