import { isLive } from '../collect/ledger.ts'
import type { InvoiceReport } from '../report/invoice.ts'

/** The schedule may charge a card or open a checkout as well; what is under way already is not doubled. */
export function whyNotCollect({
  invoice,
  now,
}: {
  invoice: InvoiceReport
  now: Date
}): string | undefined {
  const { state, attempts } = invoice
  if (state !== 'open' && state !== 'failed' && state !== 'attention') return `it is ${state}`
  if (invoice.amountDue <= 0) return 'nothing is due in Lago'
  const live = attempts.find(isLive)
  if (!live) return undefined
  if (live.kind === 'charge') return 'the saved card is being charged'
  if (live.status !== 'live') return 'whether a checkout was opened is not known yet'
  const isOver = live.expiresAt !== null && live.expiresAt <= now
  return isOver ? undefined : 'its checkout is open: the pay link leads there'
}
