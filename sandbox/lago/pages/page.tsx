/** @jsxImportSource hono/jsx */
import type { Courier } from '../../kit/courier.ts'
import type { Faults } from '../../kit/faults.ts'
import { InvoiceCard } from './invoice-card.tsx'
import { CreditNotes, Customers, PaymentRequests, Wallets } from './tables.tsx'
import type { LagoWorld } from '../store/store.ts'
import { Act, Input, Page, Select } from '../../kit/page.tsx'
import { Switches } from '../../kit/switches.tsx'

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
      <NewInvoice world={world} />
      <NewCustomer />
      <h2>Invoices</h2>
      {invoices.length === 0 && <p class="quiet">None yet.</p>}
      {invoices.map((invoice) => (
        <InvoiceCard invoice={invoice} world={world} />
      ))}
      <CreditNotes world={world} />
      <PaymentRequests world={world} />
      <Customers world={world} />
      <Wallets world={world} />
      <h2>Clock</h2>
      <p class="quiet">
        It is {world.now().toISOString()} here; only Lago's own clock is moved. Invoices past their
        due date become overdue.
      </p>
      <Act to={`${AT}/clock`} label="Days later">
        <Input label="days" name="days" value={1} digits="numeric" />
      </Act>
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

function NewCustomer() {
  return (
    <>
      <h2>New customer</h2>
      <Act to={`${AT}/customers`} label="Create">
        <Input label="name" name="name" isRequired />
        <Input label="e-mail" name="email" type="email" />
        <Input label="country" name="country" value="US" isShort />
        <Input label="currency" name="currency" value="USD" isShort />
      </Act>
    </>
  )
}

/** What may be taken off a new invoice. */
const CREDITS = [
  ['coupon_cents', 'coupon'],
  ['progressive_billing_credit_cents', 'billed before'],
  ['prepaid_credit_cents', 'from wallet'],
  ['credit_notes_cents', 'from notes'],
] as const

function NewInvoice({ world }: { world: LagoWorld }) {
  const customers = [...world.store.customers.values()]
  if (customers.length === 0) return <p>An invoice needs a customer: create one first.</p>
  return (
    <>
      <h2>New invoice</h2>
      <p class="quiet">Amounts are in the smallest unit of the currency: 9900 is 99.00 USD.</p>
      <Act to={`${AT}/invoices`} label="Create">
        <Select label="customer" name="external_customer_id">
          {customers.map((customer) => (
            <option value={customer.external_id}>{customer.name ?? customer.external_id}</option>
          ))}
        </Select>
        <Input label="amount" name="amount_cents" value={9900} digits="numeric" />
        <Input label="currency" name="currency" value="USD" isShort />
        <Input label="tax %" name="tax_rate" digits="decimal" />
        {CREDITS.map(([name, label]) => (
          <Input label={label} name={name} digits="numeric" />
        ))}
        <Select label="type" name="invoice_type">
          <option>subscription</option>
          <option>one_off</option>
          <option>progressive_billing</option>
        </Select>
        <Select label="status" name="status">
          <option>finalized</option>
          <option>draft</option>
        </Select>
      </Act>
    </>
  )
}
