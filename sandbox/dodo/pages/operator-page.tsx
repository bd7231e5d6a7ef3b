/** @jsxImportSource hono/jsx */
import type { Payment } from 'dodopayments/resources/payments'
import type { Courier } from '../../kit/courier.ts'
import { openSessions } from '../store/checkout.ts'
import { Disputes, Mandates, Refunds } from './operator-tables.tsx'
import { FINAL } from '../store/payments.ts'
import { DeclinePicker, OutcomePicker, Picker } from './pickers.tsx'
import { formatMoney } from '../store/places.ts'
import { REFUND_OUTCOMES, type Behaviour, type DodoWorld } from '../store/world.ts'
import type { Faults } from '../../kit/faults.ts'
import { Act, Entries, Input, Page } from '../../kit/page.tsx'
import { Switches, Toggle } from '../../kit/switches.tsx'

const MAX_ROWS = 100
const AT = '/sandbox'

export type DodoOperated = { world: DodoWorld; faults: Faults; courier: Courier }

/** All that goes on at Dodo, with the buttons of everybody who is not the bridge. */
export function DodoPage({ world, faults, courier }: DodoOperated) {
  const payments = [...world.store.payments.values()].toReversed().slice(0, MAX_ROWS)
  return (
    <Page title="Dodo Payments" width="wide">
      <Sessions world={world} />
      <h2>Payments</h2>
      {payments.length === 0 && <p class="quiet">None yet.</p>}
      {payments.map((payment) => (
        <PaymentCard payment={payment} />
      ))}
      <Mandates world={world} />
      <Refunds world={world} />
      <Disputes world={world} />
      <Outcomes behaviour={world.behaviour} />
      <Switches faults={faults} courier={courier} at={AT} />
    </Page>
  )
}

function Sessions({ world }: { world: DodoWorld }) {
  const open = openSessions(world).slice(-MAX_ROWS)
  return (
    <section>
      <h2>Open checkouts</h2>
      {open.length === 0 && <p class="quiet">None.</p>}
      {open.map(({ sessionId, request }) => (
        <div class="card">
          <a href={`/session/${sessionId}`}>{sessionId}</a>
          <Entries of={request.metadata ?? {}} />
        </div>
      ))}
    </section>
  )
}

const SWITCHES: [keyof Behaviour, string][] = [
  ['declinesAtOnce', 'refuse a charge that is declined, instead of failing it later'],
  ['declineHoldsMandate', 'a declined charge puts its mandate on hold'],
  ['onHoldIsChargeable', 'a mandate on hold can be charged'],
  ['newCardPaysDues', 'a new card on a mandate on hold pays the last failed charge'],
  ['mandateMakesPayment', 'saving a card alone makes a payment of 0'],
  ['oneSubscriptionPerCustomer', 'one subscription per customer'],
  ['declineConsumesSession', 'a declined card ends its checkout'],
  ['openSessionsAreListed', 'a checkout is listed as a payment before anybody pays'],
  ['partialRefunds', 'refunds of a part are possible'],
]

function Outcomes({ behaviour }: { behaviour: Behaviour }) {
  const to = `${AT}/behaviour`
  return (
    <section>
      <h2>What banks answer</h2>
      <Act to={to} label="Charges on a mandate">
        <OutcomePicker name="charges" chosen={behaviour.charges} />
      </Act>
      <Act to={to} label="Refunds">
        <Picker name="refunds" among={REFUND_OUTCOMES} chosen={behaviour.refunds} />
      </Act>
      <Act to={to} label="Days in which refunds are possible">
        <Input
          label="days"
          name="refundWindowDays"
          value={behaviour.refundWindowDays}
          digits="numeric"
        />
      </Act>
      <Act to={to} label="Failed charges before Dodo takes no more">
        <Input
          label="charges"
          name="maxFailedCharges"
          value={behaviour.maxFailedCharges}
          digits="numeric"
        />
      </Act>
      <Act to={to} label="Milliseconds until banks answer">
        <Input label="ms" name="settleAfterMs" value={behaviour.settleAfterMs} digits="numeric" />
      </Act>
      {SWITCHES.map(([name, label]) => (
        <Toggle to={to} name={name} on={behaviour[name] === true} label={label} />
      ))}
    </section>
  )
}

function PaymentCard({ payment }: { payment: Payment }) {
  const { payment_id: id, customer, currency, metadata } = payment
  return (
    <div class="card">
      <strong>{formatMoney(payment.total_amount, currency)}</strong>{' '}
      <span class="badge">{payment.status}</span>{' '}
      {payment.error_code && <span class="badge">{payment.error_code}</span>}{' '}
      {payment.refund_status && <span class="badge">refunded: {payment.refund_status}</span>}
      <div class="quiet">
        {customer.email}, <code>{id}</code>, {payment.created_at}
      </div>
      {payment.subscription_id && (
        <div class="quiet">
          {payment.is_update_payment_method ? 'a new card for' : 'on'} mandate{' '}
          <code>{payment.subscription_id}</code>
        </div>
      )}
      <Entries of={metadata} />
      <Buttons payment={payment} />
    </div>
  )
}

function Buttons({ payment }: { payment: Payment }) {
  const at = `${AT}/payments/${payment.payment_id}`
  if (payment.status === 'requires_payment_method')
    return <a href={`/card/${payment.payment_id}`}>enter a card</a>
  if (!FINAL.has(payment.status ?? ''))
    return (
      <>
        <Act to={`${at}/settle`} label="Succeed" fields={{ status: 'succeeded' }} />
        <Act to={`${at}/settle`} label="Fail" fields={{ status: 'failed' }}>
          <DeclinePicker />
        </Act>
        <Act to={`${at}/settle`} label="Cancel" fields={{ status: 'cancelled' }} />
      </>
    )
  if (payment.status !== 'succeeded') return <></>
  return (
    <>
      <Act to={`${at}/refund`} label="Refund">
        <Input label="amount, or all" name="amount" digits="numeric" />
      </Act>
      <Act to={`${at}/dispute`} label="Open dispute">
        <Picker name="stage" among={['dispute', 'pre_dispute']} />
      </Act>
      <Act to={`${at}/dispute`} label="Visa refunds it (RDR)" fields={{ rdr: 'true' }} />
    </>
  )
}
