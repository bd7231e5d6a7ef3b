import { spread } from './credit-note-amounts.ts'
import { createCreditNote, updateCreditNote, voidCreditNote } from './credit-notes.ts'
import { getCustomer, upsertCustomer, type CustomerInput } from './customers.ts'
import { finalizeInvoice, voidInvoice } from './invoice-state.ts'
import { createInvoice, getInvoice, type NewInvoice } from './invoices.ts'
import { createPaymentRequest, dunCustomer } from './payment-requests.ts'
import { recordPayment } from './payments.ts'
import { flagOverdue, loseDispute, markOverdue, retryPayment } from './settlement.ts'
import type { CreditNote, CreditNoteReason, Invoice } from './records.ts'
import type { LagoWorld } from './store.ts'
import type { TopUpSource, WalletTransaction } from './wallet-record.ts'
import { createWallet, terminateWallet, topUp } from './wallets.ts'

export type ManualPayment = { amountCents: number; reference: string; paidAt?: string }
export type NewCreditNote = {
  invoiceId: string
  refundAmountCents?: number
  creditAmountCents?: number
  offsetAmountCents?: number
  /** Without them, the amounts are spread over all fees. */
  items?: readonly { fee_id: string; amount_cents: number }[]
  description?: string
  reason?: CreditNoteReason
  metadata?: Record<string, string | null>
}

export type VoidOptions = {
  generateCreditNote?: boolean
  refundAmountCents?: number
  creditAmountCents?: number
}

type NewPaymentRequest = {
  externalCustomerId: string
  invoiceIds: readonly string[]
  email?: string
}

/** Time as the sandbox sees it. */
export type Clock = { now: () => Date; advance: (ms: number) => void }

/** What a customer buys in prepaid credits, one credit being worth one of the major unit. */
export type TopUp = {
  externalCustomerId: string
  currency?: string
  paidCredits: string
  grantedCredits?: string
  invoiceRequiresSuccessfulPayment?: boolean
  /** Who asked for it: a person, or a rule of the wallet. */
  source?: TopUpSource
  metadata?: readonly { key: string; value: string }[]
}

export type LagoActs = ReturnType<typeof createActs>

/** What a person does in Lago's own pages, under the same rules as over the API. */
export function createActs(world: LagoWorld, clock: Clock) {
  return {
    ...customerActs(world),
    createInvoice: (input: NewInvoice) => createInvoice(world, input),
    finalizeInvoice: (lagoId: string) => finalizeInvoice(world, lagoId),
    voidInvoice: (lagoId: string, options: VoidOptions = {}) =>
      voidInvoice(world, lagoId, {
        generate_credit_note: options.generateCreditNote ?? false,
        refund_amount: options.refundAmountCents,
        credit_amount: options.creditAmountCents,
      }),
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
    /** What the bridge cannot undo: the merchant declares a refund made, or failed, by hand. */
    setRefundStatus: (lagoId: string, status: 'pending' | 'succeeded' | 'failed') =>
      updateCreditNote(world, lagoId, { refund_status: status }),
    voidCreditNote: (lagoId: string) => voidCreditNote(world, lagoId),
    ...walletActs(world),
    /** Puts the clock forward; what has become overdue by then is flagged. */
    advanceClock(ms: number): Invoice[] {
      clock.advance(ms)
      return flagOverdue(world)
    },
    setPremium: (premium: boolean) => {
      world.premium = premium
    },
  }
}

function customerActs(world: LagoWorld) {
  return {
    createCustomer: (input: CustomerInput) => upsertCustomer(world, input),
    updateCustomer(externalId: string, changes: Partial<CustomerInput>) {
      getCustomer(world, externalId)
      return upsertCustomer(world, { ...changes, external_id: externalId })
    },
    /** Asks for several overdue invoices at once. */
    requestPayment: ({ externalCustomerId, invoiceIds, email }: NewPaymentRequest) =>
      createPaymentRequest(world, {
        external_customer_id: externalCustomerId,
        lago_invoice_ids: invoiceIds,
        email,
      }),
    /** One attempt of a dunning campaign: all that is overdue, per billing entity and currency. */
    dunCustomer: (externalId: string) => dunCustomer(world, externalId),
  }
}

function walletActs(world: LagoWorld) {
  return {
    topUpWallet: (input: TopUp) => topUpWallet(world, input),
    terminateWallet: (lagoId: string) => terminateWallet(world, lagoId),
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
    reason: input.reason,
    description,
    metadata,
  })
}

function topUpWallet(world: LagoWorld, input: TopUp): WalletTransaction[] {
  const { externalCustomerId, currency, paidCredits } = input
  const wallet =
    [...world.store.wallets.values()].find(
      ({ customer, status, ...other }) =>
        customer.external_id === externalCustomerId &&
        status === 'active' &&
        (currency === undefined || other.currency === currency),
    ) ?? createWallet(world, { external_customer_id: externalCustomerId, currency })
  return topUp(world, {
    wallet_id: wallet.lago_id,
    paid_credits: paidCredits,
    granted_credits: input.grantedCredits,
    source: input.source,
    metadata: input.metadata,
    invoice_requires_successful_payment: input.invoiceRequiresSuccessfulPayment ?? false,
  })
}
