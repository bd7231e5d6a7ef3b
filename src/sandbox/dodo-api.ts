import { Hono } from 'hono'
import {
  checkoutStatus,
  createCheckout,
  createCustomer,
  findCustomer,
  findSession,
} from './dodo-checkout.ts'
import { findDispute } from './dodo-disputes.ts'
import { answerList, byAge } from './dodo-lists.ts'
import { findPayment, lineItemsOf, paymentListItem, refundListItem } from './dodo-payments.ts'
import { COUNTRIES } from './dodo-places.ts'
import { previewOf, quote } from './dodo-quote.ts'
import { createRefund, findRefund } from './dodo-refunds.ts'
import {
  CheckoutCreate,
  CustomerCreate,
  CustomerUpdate,
  readBody,
  RefundCreate,
  SubscriptionCharge,
  SubscriptionUpdate,
} from './dodo-requests.ts'
import {
  chargeSubscription,
  findSubscription,
  subscriptionListItem,
  updateSubscription,
} from './dodo-subscriptions.ts'
import type { DodoWorld } from './dodo-world.ts'

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
      const customer = findCustomer(store, c.req.param('id'))
      const { email, name, metadata, phone_number } = await readBody(c.req, CustomerUpdate)
      if (email) customer.email = email
      if (name) customer.name = name
      if (metadata) customer.metadata = metadata
      if (phone_number !== undefined) customer.phone_number = phone_number
      return c.json(customer)
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
      return c.json({
        items: items.map(
          ({
            brand_id: _brand,
            customer: _customer,
            reason: _reason,
            remarks: _remarks,
            ...rest
          }) => rest,
        ),
      })
    })
    .get('/:id', (c) => c.json(findDispute(store, c.req.param('id'))))
}

/** Mandates: begun on the hosted page, charged and ended here. */
export function subscriptions(world: DodoWorld) {
  const { store } = world

  return new Hono()
    .get('/', (c) => {
      const items = answerList(c, store.subscriptions.values(), {
        ...byAge,
        brand_id: (row, wanted) => row.brand_id === wanted,
        cancel_at_next_billing_date: (row, wanted) =>
          String(row.cancel_at_next_billing_date) === wanted,
        customer_id: (row, wanted) => row.customer.customer_id === wanted,
        product_id: (row, wanted) => row.product_id === wanted,
        status: (row, wanted) => row.status === wanted,
      })
      return c.json({ items: items.map(subscriptionListItem) })
    })
    .get('/:id', (c) => c.json(findSubscription(store, c.req.param('id'))))
    .patch('/:id', async (c) => {
      const patch = await readBody(c.req, SubscriptionUpdate)
      return c.json(updateSubscription(world, c.req.param('id'), patch))
    })
    .post('/:id/charge', async (c) => {
      const request = await readBody(c.req, SubscriptionCharge)
      return c.json(chargeSubscription(world, c.req.param('id'), request))
    })
}

function contains(text: string, part: string): boolean {
  return text.toLowerCase().includes(part.toLowerCase())
}
