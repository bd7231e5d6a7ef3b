import { Hono } from 'hono'
import { readBody } from './body.ts'
import { checkoutStatus, createCheckout, findSession } from '../store/checkout.ts'
import { createCustomer, findCustomer, updateCustomer } from '../store/customers.ts'
import { balanceOf } from '../store/balance.ts'
import { disputeListItem, findDispute } from '../store/disputes.ts'
import { lineItemsOf } from '../store/line-items.ts'
import { answerList, byAge } from './lists.ts'
import { paymentListItem, refundListItem } from '../store/payment-shapes.ts'
import { findPayment } from '../store/payments.ts'
import { COUNTRIES } from '../store/places.ts'
import { previewOf, quote } from '../store/quote.ts'
import { createRefund, findRefund } from '../store/refunds.ts'
import { CheckoutCreate, CustomerCreate, CustomerUpdate, RefundCreate } from '../store/requests.ts'
import { cardsOf, cardView, deleteCard } from '../store/saved-cards.ts'
import type { DodoWorld } from '../store/world.ts'

/** Customers, as a merchant's backend manages them. */
export function customers(world: DodoWorld) {
  const { store } = world

  return new Hono()
    .post('/', async (c) => {
      const { metadata = {}, phone_number = null, ...rest } = await readBody(c.req, CustomerCreate)
      return c.json(createCustomer(world, { ...rest, metadata, phone_number }))
    })
    .get('/', (c) => {
      const items = answerList(c, store.customers.values(), {
        ...byAge,
        email: (row, wanted) => row.email === wanted,
        name: (row, wanted) => contains(row.name, wanted),
      })
      return c.json({ items })
    })
    .get('/:id', (c) => c.json(findCustomer(store, c.req.param('id'))))
    .patch('/:id', async (c) => {
      const { customer_id: customerId } = findCustomer(store, c.req.param('id'))
      const customer = updateCustomer(store, customerId, await readBody(c.req, CustomerUpdate))
      return c.json(customer)
    })
    .get('/:id/payment-methods', (c) => {
      const { customer_id: customerId } = findCustomer(store, c.req.param('id'))
      return c.json({ items: cardsOf(world, customerId).map(cardView) })
    })
    .delete('/:id/payment-methods/:method', (c) => {
      const { customer_id: customerId } = findCustomer(store, c.req.param('id'))
      deleteCard(world, { customerId, methodId: c.req.param('method') })
      return c.body(null, 200)
    })
}

/** Hosted checkouts: priced, opened, looked at, never closed. */
export function checkouts(world: DodoWorld) {
  const { store } = world

  return new Hono()
    .get('/supported_countries', (c) => c.json(COUNTRIES))
    .post('/preview', async (c) => {
      const request = await readBody(c.req, CheckoutCreate)
      return c.json(previewOf(quote(store, request)))
    })
    .post('/', async (c) => {
      const request = await readBody(c.req, CheckoutCreate)
      return c.json(createCheckout(world, request))
    })
    .get('/:id', (c) => c.json(checkoutStatus(store, findSession(store, c.req.param('id')))))
}

/** Payments are made on the hosted page; the API only reads them. */
export function payments({ store }: Pick<DodoWorld, 'store'>) {
  return new Hono()
    .get('/', (c) => {
      const items = answerList(c, store.payments.values(), {
        ...byAge,
        brand_id: (row, wanted) => row.brand_id === wanted,
        currency: (row, wanted) => row.currency === wanted,
        customer_id: (row, wanted) => row.customer.customer_id === wanted,
        product_id: (row, wanted) =>
          store.lines.get(row.payment_id)?.some(({ productId }) => productId === wanted) ?? false,
        status: (row, wanted) => row.status === wanted,
        subscription_id: (row, wanted) => row.subscription_id === wanted,
      })
      return c.json({ items: items.map(paymentListItem) })
    })
    .get('/:id', (c) => c.json(findPayment(store, c.req.param('id'))))
    .get('/:id/line-items', (c) => c.json(lineItemsOf(store, c.req.param('id'))))
}

/** Refunds; there is no filter by payment, as the payment itself lists its own. */
export function refunds(world: DodoWorld) {
  const { store } = world

  return new Hono()
    .post('/', async (c) => {
      const request = await readBody(c.req, RefundCreate)
      return c.json(createRefund(world, request))
    })
    .get('/', (c) => {
      const items = answerList(c, store.refunds.values(), {
        ...byAge,
        customer_id: (row, wanted) => row.customer.customer_id === wanted,
        status: (row, wanted) => row.status === wanted,
        subscription_id: (row, wanted) =>
          store.payments.get(row.payment_id)?.subscription_id === wanted,
      })
      return c.json({ items: items.map(refundListItem) })
    })
    .get('/:id', (c) => c.json(findRefund(store, c.req.param('id'))))
}

/** The balance: what came in, what went back, and what Dodo keeps of it. */
export function balances({ store }: Pick<DodoWorld, 'store'>) {
  return new Hono().get('/ledger', (c) =>
    c.json({
      items: answerList(
        c,
        balanceOf(store),
        {
          ...byAge,
          currency: (row, wanted) => row.currency === wanted,
          event_type: (row, wanted) => row.event_type === wanted,
          reference_object_id: (row, wanted) => row.reference_object_id === wanted,
        },
        { sizeIn: 'limit' },
      ),
    }),
  )
}

/** Disputes can be read; they are opened and decided by banks. */
export function disputes({ store }: Pick<DodoWorld, 'store'>) {
  return new Hono()
    .get('/', (c) => {
      const items = answerList(c, store.disputes.values(), {
        ...byAge,
        customer_id: (row, wanted) => row.customer.customer_id === wanted,
        dispute_stage: (row, wanted) => row.dispute_stage === wanted,
        dispute_status: (row, wanted) => row.dispute_status === wanted,
      })
      return c.json({ items: items.map(disputeListItem) })
    })
    .get('/:id', (c) => c.json(findDispute(store, c.req.param('id'))))
}

function contains(text: string, part: string): boolean {
  return text.toLowerCase().includes(part.toLowerCase())
}
