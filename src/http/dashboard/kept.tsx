/** @jsxImportSource hono/jsx */
import { formatDodo } from '../../collect/money.ts'
import type { Kept, KeptCurrency, KeptPayment, NotShown } from '../../report/kept.ts'
import { count } from '../../print/text.ts'
import { Link, PaymentId, When } from './kit.tsx'
import { withQuery } from './query.ts'
import { Table } from './table.tsx'

/** More are in the CSV. */
const MAX_SHOWN = 200

type Days = { from: string; to: string; tz: string }

/** From what customers paid to what is paid out: Dodo's fees, the tax that it remits, and its payouts. */
export function KeptPage(props: { read: Kept | NotShown; title: string; asked: Days }) {
  const { read, title, asked } = props
  const isShown = !('why' in read)
  return (
    <>
      <div class="head">
        <h1>{title}</h1>
        <div class="buttons noprint">
          <Link to={withQuery('/statement', asked)} class="button">
            Statement
          </Link>
          {isShown && (
            <Link to={withQuery('/statement/kept/csv', asked)} class="button">
              CSV
            </Link>
          )}
          <button type="button" data-print hidden>
            Print
          </button>
        </div>
      </div>
      {isShown ? <Shown kept={read} /> : <p class="notice bad">It is not known: {read.why}.</p>}
      {isShown && (
        <p class="soft small">
          Read <When at={read.madeAt} /> from Dodo’s balance ledger, of the whole account, also of
          what the bridge did not ask for; days of {asked.tz}. The same on a terminal:{' '}
          <code>
            bridge statement --kept --from {asked.from} --to {asked.to}
            {asked.tz === 'UTC' ? '' : ` --tz ${asked.tz}`}
          </code>
        </p>
      )}
    </>
  )
}

const Shown = ({ kept: { currencies, payments } }: { kept: Kept }) => (
  <>
    {currencies.length === 0 && <p class="empty">Nothing moved the balance in these days.</p>}
    {currencies.map((one) => (
      <OfCurrency of={one} />
    ))}
    {payments.length > 0 && <Payments payments={payments} />}
  </>
)

const OfCurrency = ({ of: { currency, lines, change } }: { of: KeptCurrency }) => (
  <section aria-labelledby={`kept-${currency}`}>
    <h2 id={`kept-${currency}`}>{currency}</h2>
    <Table
      caption={`What moved the balance in ${currency}`}
      columns={['What', { label: 'Count', is: 'number' }, { label: 'Amount', is: 'number' }]}
      rows={[
        ...lines.map((line) => [line.what, String(line.count), formatDodo(line.amount, currency)]),
        ['Change of the balance', '', <strong>{formatDodo(change, currency)}</strong>],
      ]}
      empty=""
    />
  </section>
)

const Payments = ({ payments }: { payments: readonly KeptPayment[] }) => (
  <section aria-labelledby="of-payments">
    <h2 id="of-payments">Of each payment</h2>
    {payments.length > MAX_SHOWN && (
      <p>
        The first {MAX_SHOWN} of {count(payments.length, 'payment')}; all of them are in the CSV.
      </p>
    )}
    <Table
      caption="What Dodo keeps of each payment"
      columns={[
        'Payment',
        'Invoice',
        { label: 'Paid', is: 'number' },
        { label: 'Tax', is: 'number' },
        { label: 'Fees', is: 'number' },
        { label: 'Yours', is: 'number' },
      ]}
      rows={payments
        .slice(0, MAX_SHOWN)
        .map(({ dodoPaymentId, invoice, currency, paid, tax, fees, net }) => [
          <PaymentId of={dodoPaymentId} />,
          invoice ?? 'none of ours',
          ...[paid, tax, fees, net].map((amount) => formatDodo(amount, currency)),
        ])}
      empty=""
    />
  </section>
)
