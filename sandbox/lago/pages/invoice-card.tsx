/** @jsxImportSource hono/jsx */
import { amountsOf, creditNotesOf } from '../store/amounts.ts'
import { formatAmount } from '../store/currency.ts'
import type { Invoice } from '../store/records.ts'
import type { LagoWorld } from '../store/store.ts'
import { Act, Input } from '../../kit/page.tsx'

const AT = '/sandbox'

/** One invoice: what became of it, and what can be done to it. */
export function InvoiceCard({ invoice, world }: { invoice: Invoice; world: LagoWorld }) {
  const { customer, currency, metadata } = invoice
  const { total, due } = amountsOf(invoice, world.store)
  const payUrl = metadata.find(({ key }) => key === 'dodo_pay_url')?.value
  return (
    <div class="card" id={invoice.lago_id}>
      <strong>
        <a href={`#${invoice.lago_id}`}>{invoice.number}</a>
      </strong>{' '}
      {formatAmount(total, currency)} <span class="badge">{invoice.status}</span>{' '}
      <span class="badge">{invoice.payment_status}</span>{' '}
      {invoice.payment_overdue && <span class="badge">overdue</span>}
      {invoice.payment_dispute_lost_at && <span class="badge">dispute lost</span>}
      <div class="quiet">
        {customer.name ?? customer.external_id}, {invoice.invoice_type}, {invoice.issuing_date}, due{' '}
        {invoice.payment_due_date}
      </div>
      <div class="quiet">
        due {formatAmount(due, currency)}, paid{' '}
        {formatAmount(invoice.total_paid_amount_cents, currency)}
      </div>
      {world.store.payments
        .filter((payment) => payment.invoice === invoice)
        .map((payment) => (
          <div class="quiet">
            payment of {formatAmount(payment.amount_cents, currency)}:{' '}
            <code>{payment.reference}</code>
          </div>
        ))}
      {creditNotesOf(invoice, world.store).map((note) => (
        <div class="quiet">
          {note.number}: {formatAmount(note.total_amount_cents, currency)}{' '}
          {note.refund_status && `refund ${note.refund_status}`}
        </div>
      ))}
      {metadata
        .filter(({ key }) => key !== 'dodo_pay_url')
        .map(({ key, value }) => (
          <div class="quiet">
            {key}: <code>{value}</code>
          </div>
        ))}
      {payUrl && <a href={payUrl}>pay link</a>}
      <InvoiceButtons invoice={invoice} due={due} />
    </div>
  )
}

function InvoiceButtons({ invoice, due }: { invoice: Invoice; due: number }) {
  const at = `${AT}/invoices/${invoice.lago_id}`
  if (invoice.status === 'draft') return <Act to={`${at}/finalize`} label="Finalize" />
  if (invoice.status !== 'finalized') return <></>
  const isPaid = invoice.payment_status === 'succeeded'
  return (
    <>
      {!isPaid && <Act to={`${at}/retry`} label="Retry payment" />}
      {due > 0 && (
        <Act to={`${at}/payments`} label="Record a payment">
          <Input label="amount" name="amount_cents" value={due} digits="numeric" />
          <Input label="reference" name="reference" isShort />
        </Act>
      )}
      <details>
        <summary>More</summary>
        <Act to={`${at}/credit_notes`} label="Credit note">
          <NoteAmounts
            names={['refund_amount_cents', 'credit_amount_cents', 'offset_amount_cents']}
          />
        </Act>
        <Act to={`${at}/void`} label="Void" />
        <Act
          to={`${at}/void`}
          label="Void with a credit note"
          fields={{ generate_credit_note: 'true' }}
        >
          <NoteAmounts names={['refund_amount', 'credit_amount']} />
        </Act>
        {!isPaid && !invoice.payment_overdue && <Act to={`${at}/overdue`} label="Make overdue" />}
        <Act to={`${at}/lose_dispute`} label="Lose dispute" />
      </details>
    </>
  )
}

function NoteAmounts({ names }: { names: readonly string[] }) {
  return (
    <>
      {names.map((name) => (
        <Input label={name.split('_')[0] ?? name} name={name} digits="numeric" />
      ))}
    </>
  )
}
