/** @jsxImportSource hono/jsx */
import type { Child } from 'hono/jsx'
import { formatAmount } from '../store/currency.ts'
import type { Customer } from '../store/customer-record.ts'
import { decimalText } from '../store/exact.ts'
import type { LagoWorld } from '../store/store.ts'
import { Act, Entries, Input, Select } from '../../kit/page.tsx'

const MAX_ROWS = 100
const AT = '/sandbox'
const REFUND_STATUSES = ['pending', 'succeeded', 'failed']

/** The credit notes, and how their refunds stand. */
export function CreditNotes({ world }: { world: LagoWorld }) {
  const notes = world.store.creditNotes.toReversed().slice(0, MAX_ROWS)
  return (
    <Cards title="Credit notes" size={notes.length}>
      {notes.map((note) => {
        const { currency } = note.invoice
        const at = `${AT}/credit_notes/${note.lago_id}`
        return (
          <div class="card">
            <strong>{note.number}</strong> {formatAmount(note.total_amount_cents, currency)}{' '}
            {note.refund_status && <span class="badge">refund {note.refund_status}</span>}
            <div class="quiet">
              refund {formatAmount(note.refund_amount_cents, currency)}, credit{' '}
              {formatAmount(note.credit_amount_cents, currency)}, offset{' '}
              {formatAmount(note.offset_amount_cents, currency)}, {note.reason}
            </div>
            {note.metadata && <Entries of={note.metadata} />}
            {note.refund_status && (
              <Act to={`${at}/refund_status`} label="Set by hand">
                <Select label="its refund" name="refund_status">
                  {REFUND_STATUSES.map((status) => (
                    <option selected={status === note.refund_status}>{status}</option>
                  ))}
                </Select>
              </Act>
            )}
            {note.balance_amount_cents > 0 && <Act to={`${at}/void`} label="Void its credit" />}
          </div>
        )
      })}
    </Cards>
  )
}

/** The payment requests, which stay pending for ever. */
export function PaymentRequests({ world }: { world: LagoWorld }) {
  const requests = world.store.paymentRequests.toReversed().slice(0, MAX_ROWS)
  return (
    <Cards title="Payment requests" size={requests.length}>
      {requests.map((request) => (
        <div class="card">
          <strong>{formatAmount(request.amount_cents, request.amount_currency)}</strong>{' '}
          <span class="badge">{request.payment_status}</span>
          <div class="quiet">
            {request.customer.name ?? request.customer.external_id}, {request.created_at}
          </div>
          {request.invoices.map(({ lago_id, number, payment_status }) => (
            <div class="quiet">
              <a href={`#${lago_id}`}>{number}</a> {payment_status}
            </div>
          ))}
        </div>
      ))}
    </Cards>
  )
}

/** The customers: what is known of them can be changed, and they can be asked for money. */
export function Customers({ world }: { world: LagoWorld }) {
  const customers = [...world.store.customers.values()].toReversed().slice(0, MAX_ROWS)
  const owes = (customer: Customer) =>
    [...world.store.invoices.values()].some(
      (invoice) => invoice.customer === customer && invoice.payment_overdue,
    )
  return (
    <Cards title="Customers" size={customers.length}>
      {customers.map((customer) => {
        const at = `${AT}/customers/${encodeURIComponent(customer.external_id)}`
        return (
          <div class="card">
            <code>{customer.external_id}</code>
            <Act to={at} label="Change">
              <Input label="name" name="name" value={customer.name ?? ''} />
              <Input label="e-mail" name="email" value={customer.email ?? ''} />
              <Input label="country" name="country" value={customer.country ?? ''} isShort />
            </Act>
            <Act to={`${at}/top_up`} label="Top up credits">
              <Input label="paid" name="paid_credits" digits="decimal" />
              <Input label="free" name="granted_credits" digits="decimal" />
              <Select label="its invoice" name="gated">
                <option value="false">at once</option>
                <option value="true">once paid</option>
              </Select>
            </Act>
            {owes(customer) && (
              <Act to={`${at}/payment_requests`} label="Ask for all that is overdue" />
            )}
          </div>
        )
      })}
    </Cards>
  )
}

/** The wallets and what moved in them. */
export function Wallets({ world }: { world: LagoWorld }) {
  const wallets = [...world.store.wallets.values()].toReversed().slice(0, MAX_ROWS)
  const transactions = [...world.store.walletTransactions.values()]
  return (
    <Cards title="Wallets" size={wallets.length}>
      {wallets.map((wallet) => (
        <div class="card">
          <strong>
            {decimalText(wallet.balance)} {wallet.currency}
          </strong>{' '}
          <span class="badge">{wallet.status}</span>
          <div class="quiet">{wallet.customer.name ?? wallet.customer.external_id}</div>
          {transactions
            .filter((one) => one.wallet === wallet)
            .map((one) => (
              <div class="quiet">
                {one.transaction_type === 'inbound' ? '+' : '-'}
                {decimalText(one.amount)} {one.transaction_status}, {one.status}{' '}
                {one.invoice_requires_successful_payment && 'once paid'}
              </div>
            ))}
          {wallet.status === 'active' && (
            <Act to={`${AT}/wallets/${wallet.lago_id}/terminate`} label="Terminate" />
          )}
        </div>
      ))}
    </Cards>
  )
}

function Cards(props: { title: string; size: number; children?: Child }) {
  return (
    <section>
      <h2>{props.title}</h2>
      {props.size === 0 && <p class="quiet">None yet.</p>}
      {props.children}
    </section>
  )
}
