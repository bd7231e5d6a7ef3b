/** Where Dodo's own dashboard shows payments; an id behind it is one of them. */
export const DODO_PAYMENTS = 'https://app.dodopayments.com/transactions/payments'

/** The receipt of a payment, for whoever knows its id (Dodo, `GET /invoices/payments/{payment_id}`). */
export const receiptUrlOf = ({ url }: { url: string }, dodoPaymentId: string) =>
  `${url}/invoices/payments/${encodeURIComponent(dodoPaymentId)}`
