import type { Entry } from './compare-ledgers.ts'
import type { OwnInvoice } from './own-ledger.ts'

/** How an entry names its invoices: all of them, in one text. */
export function nameInvoices(
  invoices: readonly OwnInvoice[],
): Pick<Entry, 'lagoInvoiceId' | 'invoiceNumber'> {
  const ids = invoices.map(({ lagoInvoiceId }) => lagoInvoiceId)
  const numbers = invoices.map(({ number, lagoInvoiceId }) => number ?? lagoInvoiceId)
  const isNumbered = invoices.some(({ number }) => number !== null)
  return {
    lagoInvoiceId: ids.join(', ') || null,
    invoiceNumber: isNumbered ? numbers.join(', ') : null,
  }
}
