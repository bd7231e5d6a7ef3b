import { writeEnd } from '../customer/format.ts'
import { formatDodo, formatBooks } from '../collect/money.ts'
import type { RequestReport } from './payment-request.ts'
import type { CustomerReport } from './customer.ts'
import type { Policy } from './next.ts'
import { alignColumns, section } from '../print/text.ts'

/** A payment request's report as lines for a terminal. */
export function explainRequest(request: RequestReport, next: string): string[] {
  const { lagoPaymentRequestId, customer, currency, amountDue, state, reason, payUrl } = request
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
      request.invoices.map((invoice) => [
        invoice.number ?? invoice.lagoInvoiceId,
        invoice.state,
        `${formatBooks(invoice.amountDue, currency)} due`,
      ]),
    ),
    ...section(
      'Attempts',
      request.attempts.map((attempt) => [
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
      request.payments.map((payment) => [
        payment.dodoPaymentId,
        payment.status,
        formatDodo(payment.amount, payment.currency),
        payment.errorCode ?? '',
      ]),
    ),
    '',
    `Next: ${next}`,
  ]
}

/** Where a customer's saved cards stand, as lines for a terminal. */
export function explainCustomer(
  { customer, dodoCustomerId, accountUrl, setupUrl, mandates }: CustomerReport,
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
      [
        'In Dodo',
        dodoCustomerId ?? 'not now: the next checkout makes them, if Lago has an e-mail address',
      ],
      ...(accountUrl ? [['Account page', accountUrl]] : []),
      ...(isAutomatic && setupUrl ? [['Link to save a card', setupUrl]] : []),
    ]),
    ...section(
      'Saved cards',
      mandates.map(
        ({ dodoSubscriptionId, status, currency, reason, renewedAt, card, cardEnds }) => [
          dodoSubscriptionId,
          status,
          currency,
          [card, cardEnds && writeEnd(cardEnds)].filter(Boolean).join(', '),
          `renewed ${renewedAt.toISOString()}`,
          reason ?? '',
        ],
      ),
    ),
    '',
    `Next: ${next}`,
  ]
}
