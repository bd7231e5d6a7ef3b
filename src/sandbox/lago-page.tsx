/** @jsxImportSource hono/jsx */
import type { Courier } from './courier.ts'
import type { Faults } from './faults.ts'
import { amountsOf, creditNotesOf } from './lago-amounts.ts'
import { formatAmount } from './lago-currency.ts'
import type { Invoice, LagoWorld } from './lago-store.ts'
import { Act, Page } from './page.tsx'
import { Switches } from './switches.tsx'

const MAX_ROWS = 100
const AT = '/sandbox'

export type LagoOperated = { world: LagoWorld; courier: Courier; faults: Faults }

/** Lago as a merchant's back office would show it, with the buttons to play it. */
export function LagoPage({ world, courier, faults }: LagoOperated) {
  const invoices = [...world.store.invoices.values()].toReversed().slice(0, MAX_ROWS)
  return (
    <Page title="Lago" width="wide">
      <p class="quiet">
        {world.premium ? 'With' : 'Without'} a premium licence. Organization{' '}
        <code>{world.organizationId}</code>
      </p>
      <h2>Invoices</h2>
      {invoices.length === 0 && <p class="quiet">None yet.</p>}
      {invoices.map((invoice) => (
        <InvoiceCard invoice={invoice} world={world} />
      ))}
      <NewCustomer />
      <NewInvoice world={world} />
      <h2>Licence</h2>
      <Act
        to={`${AT}/premium`}
        label={world.premium ? 'Take the licence away' : 'Give it a licence'}
        fields={{ premium: String(!world.premium) }}
      />
      <Switches faults={faults} courier={courier} at={AT} />
    </Page>
  )
}

function InvoiceCard({ invoice, world }: { invoice: Invoice; world: LagoWorld }) {
  const { customer, currency, metadata } = invoice
  const { total, due } = amountsOf(invoice, world.store)
  const payUrl = metadata.find(({ key }) => key === 'dodo_pay_url')?.value
  return (
    <div class="card" id={invoice.lago_id}>
      <strong>{invoice.number}</strong> {formatAmount(total, currency)}{' '}
      <span class="badge">{invoice.status}</span>{' '}
      <span class="badge">{invoice.payment_status}</span>{' '}
      {invoice.payment_overdue && <span class="badge">overdue</span>}
      {invoice.payment_dispute_lost_at && <span class="badge">dispute lost</span>}
      <div class="quiet">
        {customer.name ?? customer.external_id}, {invoice.invoice_type}, {invoice.issuing_date}
      </div>
      <div class="quiet">
        due {formatAmount(due, currency)}, paid{' '}
        {formatAmount(invoice.total_paid_amount_cents, currency)}
      </div>
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
  return (
    <>
      {invoice.payment_status !== 'succeeded' && <Act to={`${at}/retry`} label="Retry payment" />}
      {due > 0 && (
        <Act to={`${at}/payments`} label="Record a payment">
          <input class="short" name="amount_cents" value={String(due)} inputmode="numeric" />
        </Act>
      )}
      {invoice.total_paid_amount_cents > 0 && (
        <Act to={`${at}/credit_notes`} label="Credit note">
          <input
            class="short"
            name="refund_amount_cents"
            placeholder="refund"
            inputmode="numeric"
          />
        </Act>
      )}
      <Act to={`${at}/void`} label="Void" />
    </>
  )
}

function NewCustomer() {
  return (
    <>
      <h2>New customer</h2>
      <Act to={`${AT}/customers`} label="Create">
        <input name="name" placeholder="name" required />
        <input name="email" type="email" placeholder="e-mail" required />
        <input class="short" name="country" value="US" />
        <input class="short" name="currency" value="USD" />
      </Act>
    </>
  )
}

function NewInvoice({ world }: { world: LagoWorld }) {
  return (
    <>
      <h2>New invoice</h2>
      <p class="quiet">Amounts are in the smallest unit of the currency: 9900 is 99.00 USD.</p>
      <Act to={`${AT}/invoices`} label="Finalize">
        <select name="external_customer_id" required>
          {[...world.store.customers.values()].map((customer) => (
            <option value={customer.external_id}>{customer.name ?? customer.external_id}</option>
          ))}
        </select>
        <input class="short" name="amount_cents" value="9900" inputmode="numeric" />
        <input class="short" name="currency" value="USD" />
        <input class="short" name="tax_rate" placeholder="tax %" inputmode="decimal" />
        <input class="short" name="coupon_cents" placeholder="coupon" inputmode="numeric" />
      </Act>
    </>
  )
}
