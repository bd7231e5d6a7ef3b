import { exponentOf, type Currency } from './currency.ts'
import { divide, exact, type Exact } from './exact.ts'
import { invalid } from './refusal.ts'
import type { CreditNote, Invoice } from './records.ts'
import type { LagoWorld } from './store.ts'
import { moveCredits, toCents, topUpOf } from './top-ups.ts'

/** The wallet pays its part of an invoice; without a wallet the figure stands for one long gone. */
export function spendCredits(world: LagoWorld, invoice: Invoice): void {
  const cents = invoice.prepaid_credit_amount_cents
  const wallet = [...world.store.wallets.values()].find(
    ({ customer, currency, status }) =>
      customer === invoice.customer && currency === invoice.currency && status === 'active',
  )
  if (!wallet || cents === 0) return
  if (cents > toCents(wallet.balance, wallet.currency))
    throw invalid({ prepaid_credit_amount_cents: ['higher_than_wallet_balance'] })

  const kind = { transaction_status: 'invoiced', transaction_type: 'outbound', invoice } as const
  moveCredits(world, wallet, majorOf(cents, wallet.currency), kind)
}

/** A voided invoice gives its credits back to wallets that still live. */
export function returnCredits(world: LagoWorld, invoice: Invoice): void {
  const spent = [...world.store.walletTransactions.values()].filter(
    (one) => one.invoice === invoice && one.transaction_status === 'invoiced',
  )
  for (const { wallet, amount } of spent) {
    if (wallet.status !== 'active') continue
    const kind = { transaction_status: 'granted', transaction_type: 'inbound' } as const
    moveCredits(world, wallet, amount, { ...kind, voided_invoice: invoice })
  }
}

/** What is refunded of a top-up leaves the wallet the moment the note is made. */
export function takeBackCredits(world: LagoWorld, note: CreditNote): void {
  const { invoice, refund_amount_cents: cents } = note
  const wallet = invoice.invoice_type === 'credit' ? topUpOf(world, invoice)?.wallet : undefined
  if (!wallet || cents === 0) return
  const kind = { transaction_status: 'voided', transaction_type: 'outbound' } as const
  moveCredits(world, wallet, majorOf(cents, wallet.currency), { ...kind, credit_note: note })
}

function majorOf(cents: number, currency: Currency): Exact {
  return divide(exact(cents), exact(10 ** exponentOf(currency)))
}
