import { spread } from './lago-credit-note-amounts.ts'
import { createCreditNote } from './lago-credit-notes.ts'
import { upsertCustomer, type CustomerInput } from './lago-customers.ts'
import { finalizeInvoice, voidInvoice } from './lago-invoice-state.ts'
import { createInvoice, getInvoice, type NewInvoice } from './lago-invoices.ts'
import { recordPayment } from './lago-payments.ts'
import { loseDispute, markOverdue, retryPayment } from './lago-settlement.ts'
import type { CreditNote, LagoWorld, WalletTransaction } from './lago-store.ts'
import { createWallet, topUp } from './lago-wallets.ts'

export type ManualPayment = { amountCents: number; reference: string; paidAt?: string }
export type NewCreditNote = {
  invoiceId: string
  refundAmountCents?: number
  creditAmountCents?: number
  offsetAmountCents?: number
  /** Without them, the amounts are spread over all fees. */
  items?: readonly { fee_id: string; amount_cents: number }[]
  description?: string
  metadata?: Record<string, string | null>
}

/** What a customer buys in prepaid credits, one credit being worth one of the major unit. */
export type TopUp = {
  externalCustomerId: string
  currency?: string
  paidCredits: string
  invoiceRequiresSuccessfulPayment?: boolean
}

export type LagoActs = ReturnType<typeof createActs>

/** What a person does in Lago's own pages, under the same rules as over the API. */
export function createActs(world: LagoWorld) {
  return {
    createCustomer: (input: CustomerInput) => upsertCustomer(world, input),
    createInvoice: (input: NewInvoice) => createInvoice(world, input),
    finalizeInvoice: (lagoId: string) => finalizeInvoice(world, lagoId),
    voidInvoice: (lagoId: string) => voidInvoice(world, lagoId),
    markOverdue: (lagoId: string) => markOverdue(world, lagoId),
    loseDispute: (lagoId: string) => loseDispute(world, lagoId),
    pressRetry: (lagoId: string) => retryPayment(world, lagoId),
    recordManualPayment: (lagoId: string, { amountCents, reference, paidAt }: ManualPayment) =>
      recordPayment(world, {
        invoice_id: lagoId,
        amount_cents: amountCents,
        reference,
        paid_at: paidAt,
      }),
    createCreditNote: (input: NewCreditNote) => issueCreditNote(world, input),
    topUpWallet: (input: TopUp) => topUpWallet(world, input),
    setPremium: (premium: boolean) => {
      world.premium = premium
    },
  }
}

function issueCreditNote(world: LagoWorld, input: NewCreditNote): CreditNote {
  const { invoiceId, refundAmountCents: refund = 0, creditAmountCents: credit = 0 } = input
  const { offsetAmountCents: offset = 0, description, metadata } = input
  const invoice = getInvoice(world, invoiceId)
  return createCreditNote(world, {
    invoice_id: invoiceId,
    refund_amount_cents: refund,
    credit_amount_cents: credit,
    offset_amount_cents: offset,
    items: input.items ?? spread(invoice, world.store, refund + credit + offset),
    description,
    metadata,
  })
}

function topUpWallet(world: LagoWorld, input: TopUp): WalletTransaction[] {
  const { externalCustomerId, currency, paidCredits } = input
  const wallet =
    [...world.store.wallets.values()].find(
      ({ customer }) => customer.external_id === externalCustomerId,
    ) ?? createWallet(world, { external_customer_id: externalCustomerId, currency })
  return topUp(world, {
    wallet_id: wallet.lago_id,
    paid_credits: paidCredits,
    invoice_requires_successful_payment: input.invoiceRequiresSuccessfulPayment ?? false,
  })
}
