/** @jsxImportSource hono/jsx */
import type { Config } from '../../config.ts'
import { formatDodo, formatBooks } from '../../collect/money.ts'
import { isAgreed } from '../../report/dashboard/agreement.ts'
import type { InvoiceReport } from '../../report/invoice.ts'
import { count } from '../../print/text.ts'
import type { InvoiceView } from './invoice-view.ts'
import { CustomerLink } from './invoices.tsx'
import { Copy, Facts, Id, Verdict, When } from './kit.tsx'
import { forPeople } from './words.ts'

type Environment = Config['dodo']['environment']

/** What Lago says, what Dodo says, and what the bridge makes of it, side by side. */
export function InvoiceSides({ view }: { view: InvoiceView; environment: Environment }) {
  const { agrees, why } = isAgreed(view.invoice)
  return (
    <section aria-labelledby="sides">
      <div class="head">
        <h2 id="sides">Both books</h2>
        <Verdict agrees={agrees}>{agrees ? 'They agree' : 'They differ'}</Verdict>
      </div>
      {why.map((line) => (
        <p class="soft">{forPeople(line)}</p>
      ))}
      <div class="cards">
        <LagoSide view={view} />
        <DodoSide invoice={view.invoice} />
        <OwnSide view={view} />
      </div>
    </section>
  )
}

function LagoSide({ view: { invoice, lago } }: { view: InvoiceView }) {
  const { currency, amountDue, payments, refunds, creditNotes } = invoice
  const recorded = payments.filter((one) => one.recorded > 0)
  const sum = recorded.reduce((total, one) => total + one.recorded, 0)
  const notes = new Set([
    ...refunds.flatMap(({ lagoCreditNoteId }) => lagoCreditNoteId ?? []),
    ...creditNotes.map(({ lagoCreditNoteId }) => lagoCreditNoteId),
  ])
  return (
    <div class="card">
      <h3>Lago says</h3>
      <Facts
        rows={[
          ['Status', lago?.status ?? null],
          ['Payment', lago?.paymentStatus ?? null],
          ['Due', currency ? formatBooks(amountDue, currency) : null],
          [
            'Recorded',
            currency && recorded.length > 0
              ? `${formatBooks(sum, currency)} in ${count(recorded.length, 'payment')}`
              : 'no payment through the bridge',
          ],
          ['Credit notes', notes.size === 0 ? 'none with a refund' : String(notes.size)],
          ['Read', <When at={lago?.settledAt} />],
        ]}
      />
    </div>
  )
}

function DodoSide({ invoice }: { invoice: InvoiceReport }) {
  const { payments, refunds, disputes } = invoice
  const succeeded = payments.filter(({ status }) => status === 'succeeded')
  const back = refunds.filter(({ status }) => status === 'succeeded')
  const others = payments.length - succeeded.length
  return (
    <div class="card">
      <h3>Dodo says</h3>
      <Facts
        rows={[
          ['Taken', sumUp(succeeded, invoice, 'payment')],
          ['Not taken', others === 0 ? 'no other payment' : count(others, 'other payment')],
          ['Given back', sumUp(back, invoice, 'refund')],
          [
            'Disputes',
            disputes.length === 0
              ? 'none'
              : disputes.map(({ status }) => status.replace('dispute_', '')).join(', '),
          ],
        ]}
      />
    </div>
  )
}

type Moved = { amount: number | null; currency: string | null }

/** Each currency by itself: what was paid beside the bridge may be in another than the invoice. */
function sumUp(moved: readonly Moved[], { currency: due }: InvoiceReport, what: string): string {
  const groups = Map.groupBy(moved, ({ currency }) => currency ?? due ?? '')
  const sums = Array.from(groups, ([currency, of]) => {
    const sum = of.reduce((total, { amount }) => total + (amount ?? 0), 0)
    return `${formatDodo(sum, currency)} in ${count(of.length, what)}`
  })
  return sums.join(', ') || 'nothing'
}

function OwnSide({ view: { invoice, lago } }: { view: InvoiceView }) {
  const { customer, customerName, mandate, payUrl, lagoInvoiceId } = invoice
  return (
    <div class="card">
      <h3>The bridge</h3>
      <Facts
        rows={[
          ['Customer', <CustomerLink lagoCustomerId={customer} customerName={customerName} />],
          [
            'Saved card',
            mandate ? (
              <>
                <code>{mandate.dodoSubscriptionId}</code> ({mandate.status}
                {mandate.reason ? `: ${mandate.reason}` : ''})
              </>
            ) : (
              'none'
            ),
          ],
          [
            'Pay link',
            <>
              <a href={payUrl} rel="noreferrer">
                {payUrl}
              </a>{' '}
              <Copy text={payUrl} what="the pay link" />
            </>,
          ],
          ['Lago id', <Id of={lagoInvoiceId} what="Lago’s id" />],
          ['Looked at', <When at={lago?.settledAt} />],
          invoice.lastError !== null && [
            'Trouble',
            <>
              {invoice.lastError} <When at={invoice.lastErrorAt} />
            </>,
          ],
        ]}
      />
    </div>
  )
}
