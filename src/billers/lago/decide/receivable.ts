import type { Receivable } from '../../../collect/receivable.ts'
import { whyNotAsked, whyNotCollected } from './collectable.ts'
import type { Invoice, InvoiceLedger, InvoicePolicy } from './invoice.ts'
import { isToBeLookedFor } from './next-payment.ts'
import { provenSpareOf } from './proof.ts'

/** An invoice of Lago as the money half of deciding sees it. */
export const asReceivable = (
  invoice: Invoice,
  ledger: InvoiceLedger,
  policy: Pick<InvoicePolicy, 'collectSince'> & Partial<Pick<InvoicePolicy, 'startedAt'>>,
): Receivable => ({
  currency: invoice.currency,
  due: invoice.due,
  paid: invoice.paid,
  payer: invoice.customer,
  whyNotCollected: whyNotCollected(invoice, policy),
  whyNotAsked: whyNotAsked(invoice, policy),
  cause: 'invoice',
  members: undefined,
  proveSpare: (payment, recording) => provenSpareOf(payment, recording, invoice, ledger),
  isToBeLookedFor: (payment, recording) => isToBeLookedFor(payment, recording, ledger, policy),
})
