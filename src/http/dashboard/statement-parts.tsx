/** @jsxImportSource hono/jsx */
import type { Child } from 'hono/jsx'

import { formatDodo } from '../../collect/money.ts'
import type { Entry } from '../../report/compare-ledgers.ts'
import type { Payer } from '../../report/dashboard/payers-of.ts'
import type { DisputeEntry } from '../../report/disputes.ts'
import type { Period } from '../../report/period.ts'
import type { Section } from '../../report/section.ts'
import { count } from '../../print/text.ts'
import { CustomerLink } from './invoices.tsx'
import { PaymentId, When } from './kit.tsx'
import { Table } from './table.tsx'

/** More are in the CSV. */
const MAX_SHOWN = 200

type PayerOf = (lagoInvoiceId: string | null) => Payer | undefined

/** What is in Dodo of these days, divided: by day, by customer; and what is disputed of it. */
export function StatementParts(props: { section: Section; period: Period; payerOf: PayerOf }) {
  const { section, period, payerOf } = props
  const { entries, disputes } = section
  const days = divide(entries, ({ madeAt }) => period.calendar.dayOf(madeAt))
  const customers = divide(entries, ({ receivableId }) => payerOf(receivableId)?.id ?? '')
  const named = new Map(
    entries.flatMap(({ receivableId }) => {
      const payer = payerOf(receivableId)
      return payer ? [[payer.id, payer] as const] : []
    }),
  )
  if (days.length === 0 && disputes.length === 0) return <></>
  return (
    <section aria-labelledby="parts">
      <h2 id="parts">In Dodo, divided</h2>
      <Parts
        title="By day"
        first="Day"
        parts={days.toSorted((one, other) => one.key.localeCompare(other.key))}
        nameOf={(key) => key}
      />
      <Parts
        title="By customer"
        first="Customer"
        parts={customers.toSorted((one, other) => other.paid - one.paid)}
        nameOf={(key) => {
          const payer = named.get(key)
          return payer ? (
            <CustomerLink lagoCustomerId={payer.id} customerName={payer.name} />
          ) : (
            'none that the bridge knows'
          )
        }}
      />
      {disputes.length > 0 && <Disputes disputes={disputes} />}
    </section>
  )
}

type Part = {
  key: string
  currency: string
  payments: number
  paid: number
  refunds: number
  back: number
}

/** A payment of several invoices counts once for each of those whom it is divided among. */
function divide(entries: readonly Entry[], keyOf: (entry: Entry) => string): Part[] {
  const inDodo = entries.flatMap((entry) =>
    entry.dodo ? [{ entry, ...entry.dodo, key: keyOf(entry) }] : [],
  )
  const groups = Map.groupBy(inDodo, ({ key, currency }) => `${currency} ${key}`)
  return Array.from(groups.values(), (of) => {
    const those = (kind: Entry['kind']) => of.filter(({ entry }) => entry.kind === kind)
    const [payments, refunds] = [those('payment'), those('refund')]
    const sum = (some: typeof of) => some.reduce((total, { amount }) => total + amount, 0)
    return {
      key: of[0]?.key ?? '',
      currency: of[0]?.currency ?? '',
      payments: new Set(payments.map(({ entry }) => entry.dodoPaymentId)).size,
      paid: sum(payments),
      refunds: new Set(refunds.map(({ entry }) => entry.dodoRefundId)).size,
      back: sum(refunds),
    }
  })
}

const Parts = (props: {
  title: string
  first: string
  parts: readonly Part[]
  nameOf: (key: string) => Child
}) => (
  <details>
    <summary>{props.title}</summary>
    {props.parts.length > MAX_SHOWN && (
      <p>
        The first {MAX_SHOWN} of {count(props.parts.length, 'row')}; each payment is in the CSV.
      </p>
    )}
    <Table
      caption={`${props.title}, as it is in Dodo`}
      columns={[
        { label: props.first, is: 'keep' },
        { label: 'Payments', is: 'number' },
        { label: 'Paid', is: 'number' },
        { label: 'Refunds', is: 'number' },
        { label: 'Given back', is: 'number' },
        { label: 'Net', is: 'number' },
      ]}
      rows={props.parts
        .slice(0, MAX_SHOWN)
        .map(({ key, currency, payments, paid, refunds, back }) => [
          <>{props.nameOf(key)}</>,
          String(payments),
          formatDodo(paid, currency),
          String(refunds),
          formatDodo(back, currency),
          formatDodo(paid - back, currency),
        ])}
      empty="No payments and no refunds in these days."
    />
  </details>
)

const Disputes = ({ disputes }: { disputes: readonly DisputeEntry[] }) => (
  <details>
    <summary>Disputes and chargebacks</summary>
    <Table
      caption="Disputes of these days, or about payments of these days"
      columns={[
        'Dispute',
        'Payment',
        'Invoice',
        { label: 'Amount', is: 'number' },
        'Outcome',
        { label: 'Opened', is: 'keep' },
      ]}
      rows={disputes.map((one) => [
        <code>{one.dodoDisputeId}</code>,
        <PaymentId of={one.dodoPaymentId} />,
        one.invoiceNumber ?? one.lagoInvoiceId ?? 'none of ours',
        one.amount,
        OUTCOMES[one.outcome],
        <When at={one.madeAt} only="moment" />,
      ])}
      empty=""
    />
  </details>
)

const OUTCOMES = {
  open: 'not decided yet',
  kept: 'won or withdrawn: the money stays',
  lost: 'lost: the money went back',
} as const
