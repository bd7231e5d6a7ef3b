import { openPaying, type Paying } from '../../test/highlevel/pay/support.ts'
import { openShopWorld, type ShopWorld } from '../../test/support/shop.ts'
import { openWorld, type World } from '../../test/support/world.ts'

/** Who bills. */
export type Biller = 'lago' | 'openfront' | 'highlevel'

/** What a merchant has chosen, and which Lago they have. */
export type Setting = {
  biller: Biller
  collection: 'checkout' | 'automatic'
  duplicates: 'refund' | 'hold'
  isFree: boolean
}

/** Where a story is told: a bridge, both services, and whoever bills. */
export type Place = {
  world: World
  shop?: ShopWorld
  agency?: Paying
  /** Something is sold, or billed, for the first time in a story. */
  begin: () => Promise<Sale>
}

/** What is owed: an invoice of Lago's, a cart's payment, a transaction of HighLevel's. */
export type Sale = {
  id: string
  /** Of what it is about at Dodo. */
  isAbout: (metadata: Record<string, unknown>) => boolean
  /** The cart, and the shop's own session of its payment. */
  cart?: { cartId: string; sessionId: string }
}

/** So many requests that no story waits for its turn. */
const UNLIMITED = '10000/s'
const SALE = 5_000

export async function openPlace({
  biller,
  collection,
  duplicates,
  isFree,
}: Setting): Promise<Place> {
  const env = {
    COLLECTION: collection,
    DUPLICATE_PAYMENTS: duplicates,
    DODO_RATE_LIMIT: UNLIMITED,
    LAGO_RATE_LIMIT: UNLIMITED,
  }
  const unproven = 'the model asks by itself, and tells the story'
  if (biller === 'openfront') return atShop(await openShopWorld({ env, hasToken: true, unproven }))
  if (biller === 'highlevel') return atAgency(await openPaying({ env, unproven }))
  const world = await openWorld({ env, lago: { premium: !isFree }, unproven })
  return { world, begin: () => Promise.resolve(saleOfInvoice(world.bill(SALE).lago_id)) }
}

const atShop = (shop: ShopWorld): Place => ({
  world: shop.world,
  shop,
  async begin() {
    const { cart, session, paymentId } = await shop.begin()
    return saleOfCart(paymentId, { cartId: cart.id, sessionId: session.id })
  },
})

const atAgency = (agency: Paying): Place => ({
  world: agency.world,
  agency,
  begin: async () => saleOfTransaction((await agency.begin(SALE / 100)).transactionId),
})

export const saleOfInvoice = (id: string): Sale => ({
  id,
  isAbout: (metadata) => metadata['lago_invoice_id'] === id,
})

export const saleOfCart = (id: string, cart: NonNullable<Sale['cart']>): Sale => ({
  id,
  cart,
  isAbout: (metadata) => metadata['bridge_order'] === id,
})

const saleOfTransaction = (id: string): Sale => ({
  id,
  isAbout: (metadata) => metadata['highlevel_transaction_id'] === id,
})
