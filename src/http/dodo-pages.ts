/** Where Dodo's own dashboard shows payments; an id behind it is one of them. */
export const DODO_PAYMENTS = 'https://app.dodopayments.com/transactions/payments'
