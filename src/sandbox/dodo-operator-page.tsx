/** @jsxImportSource hono/jsx */
import type { Payment } from 'dodopayments/resources/payments'
import { Hono } from 'hono'
import { z } from 'zod'
import type { Courier } from './courier.ts'
import { paySession, sessionState } from './dodo-checkout.ts'
import { DISPUTE_STATUSES, moveDispute, openDispute } from './dodo-disputes.ts'
import { FINAL, lineItemsOf, movePayment } from './dodo-payments.ts'
import { formatMoney } from './dodo-places.ts'
import { createRefund, settleRefund } from './dodo-refunds.ts'
import { DECLINE_CODES } from './dodo-session-page.tsx'
import { followPayment, moveSubscription } from './dodo-subscriptions.ts'
import type { DodoWorld } from './dodo-world.ts'
import type { Faults } from './faults.ts'
import { Act, Page } from './page.tsx'
import { done, readInput, Switches, switchRoutes } from './switches.tsx'

const MAX_ROWS = 100
const REFUND_OUTCOMES = ['succeed', 'fail', 'hold'] as const
const optionalAmount = z.preprocess(
  (value) => (value === '' ? undefined : value),
  z.coerce.number().int().min(1).optional(),
)

const Pay = z.object({
  outcome: z
    .enum(['succeeded', 'failed', 'processing', 'requires_customer_action'])
    .default('succeeded'),
  code: z.string().optional(),
  amount: optionalAmount,
})
const Settle = z.object({
  status: z.enum(['succeeded', 'failed', 'cancelled', 'processing']).default('succeeded'),
  code: z.string().optional(),
})
const SettleRefund = z.object({
  status: z.enum(['succeeded', 'failed', 'review']).default('succeeded'),
})
const Amount = z.object({ amount: optionalAmount })
const Dispute = z.object({ amount: optionalAmount, rdr: z.coerce.boolean().optional() })
const DisputeMove = z.object({ status: z.enum(DISPUTE_STATUSES) })
const SubscriptionMove = z.object({
  status: z.enum(['active', 'on_hold', 'paused', 'cancelled', 'failed', 'expired', 'past_due']),
})
const BehaviourPatch = z.strictObject({
  refunds: z.enum(REFUND_OUTCOMES).optional(),
  charges: z.string().optional(),
  declineConsumesSession: z.boolean().optional(),
  settleAfterMs: z.coerce.number().int().min(0).optional(),
})

type Operated = { world: DodoWorld; faults: Faults; courier: Courier }

/** What customers, banks and the dashboard's owner do, for whoever plays them. It needs no key. */
export function operatorPages({ world, faults, courier }: Operated) {
  return new Hono()
    .get('/', (c) => c.html(<Operator world={world} faults={faults} courier={courier} />))
    .post('/sessions/:id/pay', async (c) => {
      const payment = paySession(world, c.req.param('id'), await readInput(c, Pay))
      return done(c, payment ?? {})
    })
    .post('/payments/:id/settle', async (c) => {
      const payment = movePayment(world, c.req.param('id'), await readInput(c, Settle))
      followPayment(world, payment)
      return done(c, payment)
    })
    .post('/payments/:id/refund', async (c) => {
      const { amount } = await readInput(c, Amount)
      return done(c, refundFromDashboard(world, c.req.param('id'), amount))
    })
    .post('/payments/:id/dispute', async (c) => {
      const dispute = openDispute(world, c.req.param('id'), await readInput(c, Dispute))
      return done(c, dispute)
    })
    .post('/refunds/:id/settle', async (c) => {
      const { status } = await readInput(c, SettleRefund)
      return done(c, settleRefund(world, c.req.param('id'), status))
    })
    .post('/disputes/:id', async (c) => {
      const { status } = await readInput(c, DisputeMove)
      return done(c, moveDispute(world, c.req.param('id'), status))
    })
    .post('/subscriptions/:id', async (c) => {
      const { status } = await readInput(c, SubscriptionMove)
      return done(c, moveSubscription(world, c.req.param('id'), status))
    })
    .post('/behaviour', async (c) => {
      const { refunds, charges, declineConsumesSession, settleAfterMs } = await readInput(
        c,
        BehaviourPatch,
      )
      const { behaviour } = world
      behaviour.refunds = refunds ?? behaviour.refunds
      behaviour.charges = charges ?? behaviour.charges
      behaviour.declineConsumesSession = declineConsumesSession ?? behaviour.declineConsumesSession
      behaviour.settleAfterMs = settleAfterMs ?? behaviour.settleAfterMs
      return done(c, behaviour)
    })
    .route('/', switchRoutes({ faults, courier }))
}

/** The dashboard's refund button: an amount is taken from the first position that can give it. */
export function refundFromDashboard(world: DodoWorld, paymentId: string, amount?: number) {
  if (amount === undefined) return createRefund(world, { payment_id: paymentId })
  const { items } = lineItemsOf(world.store, paymentId)
  const item = items.find(({ refundable_amount: left }) => left >= amount) ?? items[0]
  const part = { item_id: item?.items_id ?? '', amount }
  return createRefund(world, { payment_id: paymentId, items: [part] })
}

function Operator({ world, faults, courier }: Operated) {
  const payments = [...world.store.payments.values()].toReversed().slice(0, MAX_ROWS)
  return (
    <Page title="Dodo Payments" width="wide">
      <h2>Payments</h2>
      <div class="scroll">
        <table>
          <tr>
            <th>Payment</th>
            <th>Customer</th>
            <th>Amount</th>
            <th>Status</th>
            <th>Do</th>
          </tr>
          {payments.map((payment) => (
            <tr>
              <td>
                <code>{payment.payment_id}</code>
                <div class="quiet">{payment.created_at}</div>
              </td>
              <td>{payment.customer.email}</td>
              <td>{formatMoney(payment.total_amount, payment.currency)}</td>
              <td>
                <Status payment={payment} />
              </td>
              <td>
                <Buttons payment={payment} />
              </td>
            </tr>
          ))}
        </table>
      </div>
      <Sessions world={world} />
      <Outcomes world={world} />
      <Switches faults={faults} courier={courier} at="/sandbox" />
    </Page>
  )
}

function Sessions({ world }: { world: DodoWorld }) {
  const open = [...world.store.sessions.values()]
    .filter((session) => sessionState(world, session) === 'open')
    .slice(-MAX_ROWS)
  return (
    <section>
      <h2>Open checkouts</h2>
      {open.map(({ sessionId, request }) => (
        <div>
          <a href={`/session/${sessionId}`}>{sessionId}</a>{' '}
          <span class="quiet">{JSON.stringify(request.metadata ?? {})}</span>
        </div>
      ))}
    </section>
  )
}

function Outcomes({ world: { behaviour } }: { world: DodoWorld }) {
  return (
    <section>
      <h2>What banks answer</h2>
      <Act to="/sandbox/behaviour" label="Refunds">
        <select name="refunds">
          {REFUND_OUTCOMES.map((outcome) => (
            <option selected={outcome === behaviour.refunds}>{outcome}</option>
          ))}
        </select>
      </Act>
      <Act to="/sandbox/behaviour" label="Charges on a mandate">
        <select name="charges">
          {['succeed', 'hold', ...DECLINE_CODES].map((outcome) => (
            <option selected={outcome === behaviour.charges}>{outcome}</option>
          ))}
        </select>
      </Act>
    </section>
  )
}

function Status({ payment }: { payment: Payment }) {
  return (
    <>
      {payment.status} {payment.error_code}
      {payment.refunds.map(({ amount, currency, status }) => (
        <div class="quiet">
          refund of {formatMoney(amount ?? 0, currency ?? payment.currency)} {status}
        </div>
      ))}
      {payment.disputes.map(({ dispute_status: status }) => (
        <div class="quiet">{status}</div>
      ))}
    </>
  )
}

function Buttons({ payment }: { payment: Payment }) {
  const at = `/sandbox/payments/${payment.payment_id}`
  const dispute = payment.disputes.at(-1)
  if (!FINAL.has(payment.status ?? ''))
    return (
      <>
        <Act to={`${at}/settle`} label="Succeed" fields={{ status: 'succeeded' }} />
        <Act to={`${at}/settle`} label="Fail" fields={{ status: 'failed' }} />
      </>
    )
  if (payment.status !== 'succeeded') return <></>
  return (
    <>
      <Act to={`${at}/refund`} label="Refund">
        <input class="short" name="amount" placeholder="all" inputmode="numeric" />
      </Act>
      {dispute ? (
        <>
          <Act
            to={`/sandbox/disputes/${dispute.dispute_id}`}
            label="Lose dispute"
            fields={{ status: 'dispute_lost' }}
          />
          <Act
            to={`/sandbox/disputes/${dispute.dispute_id}`}
            label="Win dispute"
            fields={{ status: 'dispute_won' }}
          />
        </>
      ) : (
        <Act to={`${at}/dispute`} label="Open dispute" />
      )}
    </>
  )
}
