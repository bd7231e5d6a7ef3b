/** @jsxImportSource hono/jsx */
import { Hono } from 'hono'

import { formatDodo, withoutCurrency } from '../../collect/money.ts'
import { audited } from '../../operate/audit.ts'
import { findHeldMoney, type HeldMoney } from '../../operate/held-money.ts'
import { lookAtInvoice } from '../../operate/look-again.ts'
import { describeOrder, listOrders } from '../../report/order.ts'
import { requestOf } from './acting.ts'
import { HeldMoneyTable } from './held-money.tsx'
import { Act, Copy, Facts, Link, PaymentId, State, When } from './kit.tsx'
import { Lines } from './lines.tsx'
import { given, inPath } from './query.ts'
import { showNothing, type DashboardDeps, type Env, type Show } from './show.tsx'
import { answerCsv, asCsvAsked, readAll } from './csv.ts'
import { ListHead, Table } from './table.tsx'
import { forPeople } from './words.ts'

type Order = NonNullable<Awaited<ReturnType<typeof describeOrder>>>

const FILTERS = ['source', 'tenant', 'state', 'key'] as const

/** The orders of shops and of HighLevel's locations: the newest hundred, and each by itself. */
export function orderPages(show: Show, deps: DashboardDeps) {
  const { db, config } = deps
  return new Hono<Env>()
    .get('/', async (c) => {
      const asked = FILTERS.flatMap((name) => {
        const value = given(c, name)
        return value === undefined ? [] : [[name, value] as const]
      })
      const named = Object.fromEntries(asked)
      const list = (before: string | undefined) =>
        listOrders(db, config.publicUrl, { ...named, ...(before && { before }) })
      if (asCsvAsked(c)) {
        const pages = readAll(list, (items) => items.map(asCells))
        return answerCsv(c, 'orders', CSV_COLUMNS, pages)
      }
      const { items: orders } = await list(undefined)
      const page = { title: 'Orders', section: 'Orders' } as const
      return show(c, page, <OrderList orders={orders} asked={Object.fromEntries(asked)} />)
    })
    .get('/:id', async (c) => {
      const order = await describeOrder(db, config.publicUrl, c.req.param('id'))
      if (!order) return showNothing(show, c, 'The bridge does not know this order.')
      const held = await findHeldMoney(db, order.orderId)
      const title = `Order ${order.key} · ${order.state}`
      return show(c, { title, section: 'Orders' }, <OrderPage order={order} held={held} />)
    })
    .post('/:id/look', async (c) => {
      const id = c.req.param('id')
      const request = await requestOf(c, 'look', `order ${id}`)
      await audited(deps, request, () => lookAtInvoice(deps, id, request.who))
      return c.redirect(
        `${show.basePath}/dashboard/orders/${inPath(id)}?done=${request.formId}`,
        303,
      )
    })
}

const CSV_COLUMNS = ['order_id', 'source', 'tenant', 'mode', 'key', 'currency', 'amount'].concat([
  'state',
  'reason',
])
const asCells = (one: Order) => [
  one.orderId,
  one.source,
  one.tenant,
  one.mode,
  one.key,
  one.currency,
  withoutCurrency(formatDodo(one.amount, one.currency)),
  one.state,
  one.reason,
]

const OrderList = (props: {
  orders: readonly Order[]
  asked: Readonly<Record<string, string>>
}) => (
  <>
    <ListHead title="Orders" to="/orders" given={props.asked} />
    <p class="soft">
      What shops and HighLevel’s locations want to have collected: the newest hundred. All of them
      are in the file, and at <code>/api/orders</code>.
    </p>
    <Table
      caption="Orders"
      columns={['Key', 'Of', 'State', { label: 'Amount', is: 'number' }, 'Why']}
      rows={props.orders.map((order) => [
        <Link to={`/orders/${inPath(order.orderId)}`}>{order.key}</Link>,
        `${order.source}, ${order.tenant}, ${order.mode}`,
        <State is={order.state} />,
        formatDodo(order.amount, order.currency),
        forPeople(order.reason),
      ])}
      empty="No order has been asked for yet."
    />
  </>
)

const OrderPage = ({ order, held }: { order: Order; held: readonly HeldMoney[] }) => (
  <>
    <div class="intro">
      <div class="title">
        <h1>Order {order.key}</h1>
        <State is={order.state} />
      </div>
      <p>{forPeople(order.reason)}</p>
    </div>
    <div class="buttons noprint">
      <Act to={`/orders/${inPath(order.orderId)}/look`} label="Look again" />
    </div>
    <div class="card">
      <Facts
        rows={[
          ['Order', <code>{order.orderId}</code>],
          ['Of', `${order.source}, ${order.tenant}, ${order.mode} mode`],
          ['Amount', formatDodo(order.amount, order.currency)],
          ['Told that it is paid', order.claimed ? 'yes' : 'no'],
          ...(order.subscription
            ? [['Subscription', describeSubscription(order.subscription)] as const]
            : []),
          [
            'Pay link',
            <>
              <a href={order.payUrl} rel="noreferrer">
                {order.payUrl}
              </a>{' '}
              <Copy text={order.payUrl} what="the pay link" />
            </>,
          ],
        ]}
      />
    </div>
    <HeldMoneyTable of={held} name={`order ${order.key}`} />
    <OrderMoney order={order} />
    <OrderHistory order={order} />
  </>
)

function describeSubscription(subscription: NonNullable<Order['subscription']>) {
  const { subscriptionId, status, amount, currency, nextChargeAt, trouble } = subscription
  return (
    <>
      <code>{subscriptionId}</code>, {status}, {formatDodo(amount, currency)} each cycle
      {nextChargeAt !== null && (
        <>
          , next <When at={new Date(nextChargeAt)} />
        </>
      )}
      {trouble !== null && `: ${forPeople(trouble)}`}
    </>
  )
}

const OrderMoney = ({ order }: { order: Order }) => (
  <>
    <section aria-labelledby="payments">
      <h2 id="payments">Payments</h2>
      <Table
        caption="Payments"
        columns={['Payment', 'In Dodo', { label: 'Amount', is: 'number' }, 'Counts as']}
        rows={order.payments.map(({ dodoPaymentId, status, amount, currency, disposition }) => [
          <PaymentId of={dodoPaymentId} />,
          status,
          formatDodo(amount, currency),
          disposition === 'none' ? 'not known yet' : disposition,
        ])}
        empty="No payment has been made."
      />
    </section>
    <section aria-labelledby="refunds">
      <h2 id="refunds">Refunds</h2>
      <Table
        caption="Refunds"
        columns={['Refund', 'In Dodo', { label: 'Amount', is: 'number' }, 'Of']}
        rows={order.refunds.map(({ dodoRefundId, dodoPaymentId, status, amount, currency }) => [
          <code>{dodoRefundId}</code>,
          status,
          amount === null ? 'not known yet' : formatDodo(amount, currency),
          <PaymentId of={dodoPaymentId} />,
        ])}
        empty="Nothing has been given back."
      />
    </section>
  </>
)

const OrderHistory = ({ order }: { order: Order }) => (
  <>
    <section aria-labelledby="told">
      <h2 id="told">Told</h2>
      <Table
        caption="What was told to whoever asked for the order"
        columns={['What', 'Status', { label: 'Tries', is: 'number' }, 'When']}
        rows={order.told.map(({ what, status, attempts, at }) => [
          what,
          status,
          String(attempts),
          <When at={new Date(at)} />,
        ])}
        empty="Nobody is told by the bridge: whoever asked for it asks how it stands."
      />
    </section>
    <section aria-labelledby="timeline">
      <h2 id="timeline">Timeline</h2>
      <Lines of={order.timeline} />
    </section>
  </>
)
