import { Hono } from 'hono'
import { readBody } from './body.ts'
import { chargeSubscription, updatePaymentMethod } from '../store/charges.ts'
import { answerList, byAge } from './lists.ts'
import {
  PaymentMethodUpdate,
  SubscriptionCharge,
  SubscriptionUpdate,
} from '../store/subscription-requests.ts'
import { updateSubscription } from '../store/subscription-updates.ts'
import { findSubscription, subscriptionListItem } from '../store/subscriptions.ts'
import type { DodoWorld } from '../store/world.ts'

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
    .post('/:id/update-payment-method', async (c) => {
      const request = await readBody(c.req, PaymentMethodUpdate)
      return c.json(updatePaymentMethod(world, c.req.param('id'), request))
    })
    .post('/:id/charge', async (c) => {
      const request = await readBody(c.req, SubscriptionCharge)
      return c.json(chargeSubscription(world, c.req.param('id'), request))
    })
}
