import { formatDodo, formatBooks } from '../collect/money.ts'
import type { BundleReport } from './bundle.ts'
import type { CustomerReport } from './customer.ts'
import type { Policy } from './next.ts'
import { alignColumns, section } from './text.ts'

/** A payment request's report as lines for a terminal. */
export function explainBundle(bundle: BundleReport): string[] {
  const { lagoPaymentRequestId, customer, currency, amountDue, state, reason, payUrl } = bundle
  return [
    `Payment request ${lagoPaymentRequestId}`,
    '',
    ...alignColumns([
      ['Customer', customer],
      ['Amount due', formatBooks(amountDue, currency)],
      ['State', state],
      ['Reason', reason],
      ['Pay link', payUrl],
    ]),
    ...section(
      'Invoices',
      bundle.invoices.map((invoice) => [
        invoice.number ?? invoice.lagoInvoiceId,
        invoice.state,
        `${formatBooks(invoice.amountDue, currency)} due`,
      ]),
    ),
    ...section(
      'Attempts',
      bundle.attempts.map((attempt) => [
        String(attempt.number),
        attempt.status,
        formatBooks(attempt.amount, currency),
        attempt.dodoSessionId ?? 'no session',
        `for ${attempt.shares.length} of the invoices`,
        attempt.startedAt.toISOString(),
        attempt.status === 'live' && attempt.expiresAt
          ? `expires ${attempt.expiresAt.toISOString()}`
          : '',
      ]),
    ),
    ...section(
      'Payments',
      bundle.payments.map((payment) => [
        payment.dodoPaymentId,
        payment.status,
        formatDodo(payment.amount, payment.currency),
        payment.errorCode ?? '',
      ]),
    ),
    '',
    `Next: ${describeNextOfBundle(bundle)}`,
  ]
}

function describeNextOfBundle({ state, attempts }: BundleReport): string {
  switch (state) {
    case 'paid':
      return 'nothing; each invoice has its own story'
    case 'void':
      return 'nothing'
    // A request that is not paid has not failed: its invoices are pursued.
    case 'failed':
    case 'skipped':
      return 'nothing, until one of its invoices changes in Lago'
    case 'processing':
      return 'Dodo tells when the bank is done; each invoice is then paid its share'
    case 'attention':
      return 'a person mends what the state names; opening the pay link tries again'
    case 'open': {
      const live = attempts.find(({ status }) => status === 'live')
      if (live?.expiresAt) {
        return `the customer pays at the pay link; the checkout expires at ${live.expiresAt.toISOString()}, and the link opens a new one after that`
      }
      const isBegun = attempts.some(({ status }) => status === 'intended' || status === 'unknown')
      return isBegun
        ? 'the checkout that was begun is finished as soon as Dodo answers'
        : 'the customer opens the pay link, which opens a new checkout'
    }
  }
}

/** Where a customer's saved cards stand, as lines for a terminal. */
export function explainCustomer(
  { customer, dodoCustomerId, setupUrl, mandates }: CustomerReport,
  { collection }: Policy,
): string[] {
  const isAutomatic = collection === 'automatic'
  const isChargeable = mandates.some(({ status, reason }) => status === 'active' && !reason)
  const next = !isAutomatic
    ? 'nothing: COLLECTION is not automatic, so no card is charged'
    : isChargeable
      ? 'invoices in the currency of an active card are charged as they come'
      : 'the next checkout that is paid, or the link above, saves a card'
  return [
    `Customer ${customer}`,
    '',
    ...alignColumns([
      ['In Dodo', dodoCustomerId ?? 'not any more: the next checkout makes them anew'],
      ...(isAutomatic ? [['Link to save a card', setupUrl]] : []),
    ]),
    ...section(
      'Saved cards',
      mandates.map(({ dodoSubscriptionId, currency, status, reason, renewedAt }) => [
        dodoSubscriptionId,
        status,
        currency,
        `renewed ${renewedAt.toISOString()}`,
        reason ?? '',
      ]),
    ),
    '',
    `Next: ${next}`,
  ]
}
