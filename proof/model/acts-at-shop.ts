import { PROVIDER_CODE, type ShopWorld } from '../../test/support/shop.ts'
import type { Doing } from './acts.ts'
import { saleOfCart } from './places.ts'

/** Where there is no shop, none of this happens. */
async function within({ place }: Doing, act: (shop: ShopWorld) => Promise<unknown>) {
  if (place.shop) await act(place.shop)
}

const refund = ({ sale, amount }: Doing, { shop }: ShopWorld) =>
  shop.refund(PROVIDER_CODE, sale.id, amount)

const capture = ({ sale, amount }: Doing, { shop }: ShopWorld) =>
  shop.capture(PROVIDER_CODE, sale.id, amount)

/** What shoppers, the shop and its owner do. */
export const AT_SHOP = {
  'a shopper chooses to pay': ({ place, story }: Doing) =>
    place.begin().then((sale) => void story.sales.push(sale)),
  'the shopper chooses to pay once more': (doing: Doing) =>
    within(doing, async ({ shop, world }) => {
      const cartId = doing.sale.cart?.cartId ?? ''
      const session = await shop.choosePayment(cartId, PROVIDER_CODE)
      const { paymentId, checkoutUrl } = session.data as { paymentId: string; checkoutUrl: string }
      await world.follow(checkoutUrl)
      doing.story.sales.unshift(saleOfCart(paymentId, { cartId, sessionId: session.id }))
    }),
  'the shopper puts more into the cart': (doing: Doing) =>
    within(doing, async ({ shop, product }) =>
      shop.addLine(doing.sale.cart?.cartId ?? '', product.id),
    ),
  'the shopper comes back': (doing: Doing) =>
    within(doing, ({ shop }) =>
      shop.completeCart(doing.sale.cart?.cartId ?? '', doing.sale.cart?.sessionId),
    ),
  'the shop asks after the payment': (doing: Doing) =>
    within(doing, ({ shop }) => shop.readStatus(PROVIDER_CODE, doing.sale.id)),
  'the shop captures': (doing: Doing) => within(doing, (shop) => capture(doing, shop)),
  'the shop captures twice at once': (doing: Doing) =>
    within(doing, (shop) => Promise.all([capture(doing, shop), capture(doing, shop)])),
  'the shop refunds': (doing: Doing) => within(doing, (shop) => refund(doing, shop)),
  'the shop refunds twice at once': (doing: Doing) =>
    within(doing, (shop) => Promise.all([refund(doing, shop), refund(doing, shop)])),
  'the shop’s calls are lost after their effect from now on': (doing: Doing) =>
    within(doing, async ({ shop }) => void (shop.caller.switches.loseAnswers = true)),
  'the shop calls twice from now on': (doing: Doing) =>
    within(doing, async ({ shop }) => void (shop.caller.switches.double = true)),
  'the shop’s calls are good again': (doing: Doing) => within(doing, async (shop) => calm(shop)),
}

/** The network between the shop and the bridge is well again. */
export function calm({ shop }: ShopWorld) {
  Object.assign(shop.caller.switches, { loseAnswers: false, loseCalls: false, double: false })
}
