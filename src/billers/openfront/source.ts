import type { Config } from '../../config.ts'
import type { OrderSource } from '../orders/source.ts'
import { planTelling } from '../orders/tellings.ts'
import { compareCarts } from './compare.ts'
import { COMPLETE, completeCart, type Completing } from './complete.ts'
import { completedStores, INVOICE } from './take-up-carts.ts'

/** Openfront's shops: a cart is what is owed, and who shops is nobody's customer. */
export const createOpenfrontSource = (
  openfront: NonNullable<Config['openfront']>,
  /** What it takes to complete carts. */
  completing?: Completing,
): OrderSource => ({
  name: 'openfront',
  title: 'Openfront',
  words: {
    superseded: 'the cart asks for another amount now',
    waits: 'waits for the shopper',
    asked: 'the shop asked for it',
    claimed: 'the shop was told that it is paid',
    replaced: 'the cart was paid anew',
  },
  describe({ tenant, key, metadata }) {
    const { returnUrl } = openfront.stores.find(({ name }) => name === tenant) ?? {}
    return {
      description: `Order of cart ${key}`,
      metadata: { openfront_cart_id: key, ...metadata },
      returnUrl: returnUrl?.replaceAll('{cartId}', encodeURIComponent(key)),
    }
  },
  // The owner of an invoice must be logged in: it is not completed.
  async onPaid(tx, { orderId, tenant, metadata }, _payment, at) {
    if (metadata[INVOICE] !== undefined || !completedStores({ openfront }).includes(tenant)) return
    const dueAt = new Date(at.getTime() + openfront.completeAfterMs)
    await planTelling(tx, { orderId, what: COMPLETE, at, dueAt })
  },
  ...(completing && {
    tell: (order, telling) => completeCart(completing, order, telling),
    async compare(comparing) {
      const isRead = completedStores({ openfront }).includes(comparing.tenant)
      return isRead ? compareCarts(completing, comparing) : []
    },
  }),
})
