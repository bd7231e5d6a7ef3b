import { formatDodo } from '../../src/collect/money.ts'
import { eventually, expectSame } from '../eventually.ts'
import { StepFailed, type Narrator } from '../narrator.ts'
import { createShopper, type Sale, type Shopper } from './shopper.ts'
import type { ShopStage } from './shop-stage.ts'

const REFUND_MINOR = 500

type Telling = { narrator: Narrator; shopper: Shopper }

/** Four shoppers, each step checked in the shop, at the bridge and in Dodo. Throws at the first that fails. */
export async function tellShopStory(stage: ShopStage, narrator: Narrator): Promise<Sale> {
  const telling = { narrator, shopper: createShopper(stage) }
  narrator.chapter('1. A cart is paid, and becomes an order')
  const first = await sell(telling, 'the shopper pays, and comes back to the shop')
  const declined = await tellDecline(telling)
  await tellRefund(telling, first)
  const silent = await tellLostWebhook(telling)
  const closed = await tellClosedTab(telling)
  await tellBooks(telling, [first, declined, silent, closed])
  return first
}

async function begin({ narrator, shopper }: Telling): Promise<Sale> {
  return narrator.step(
    'the shopper chooses to pay, and stands at Dodo’s page',
    () => shopper.chooseToPay(),
    ({ cartId, orderId }) => `cart ${cartId} is ${orderId}, and its pay link leads to Dodo’s page`,
  )
}

/** Paid on Dodo's page, and back to the shop, whose page places the order once the bridge says that it is captured. */
async function payAndComeBack({ narrator, shopper }: Telling, sale: Sale, claim: string) {
  const returnUrl = await narrator.step(claim, () => shopper.pay(sale))
  await narrator.step(
    'the shop makes an order of the cart',
    () =>
      eventually('the page of an order', async () => {
        const url = await shopper.comeBack(returnUrl, sale)
        return url.includes('/order/confirmed/') ? { found: url } : { seen: url }
      }),
    (url) => `the shop makes an order of the cart: ${url.split('/').at(-1)}`,
  )
}

async function sell(telling: Telling, claim: string): Promise<Sale> {
  const sale = await begin(telling)
  await payAndComeBack(telling, sale, claim)
  return sale
}

async function tellDecline(telling: Telling): Promise<Sale> {
  const { narrator, shopper } = telling
  narrator.chapter('2. A card is declined, and the same link takes another one')
  const sale = await begin(telling)
  await narrator.step(
    'the card is declined (INSUFFICIENT_FUNDS), and the cart is no order',
    async () => {
      await shopper.decline(sale, 'INSUFFICIENT_FUNDS')
      expectSame('the cart’s order', (await shopper.readCart(sale)).order, null)
    },
  )
  await payAndComeBack(telling, sale, 'the shopper pays with another card')
  return sale
}

async function tellRefund({ narrator, shopper }: Telling, sale: Sale) {
  const amount = formatDodo(REFUND_MINOR, 'USD')
  narrator.chapter(`3. The shop gives ${amount} back, and asks twice`)
  await narrator.step(`both times it is the same refund of ${amount}`, async () => {
    const [one, other] = [
      await shopper.refund(sale, REFUND_MINOR),
      await shopper.refund(sale, REFUND_MINOR),
    ]
    expectSame('the second refund', other.refundId, one.refundId)
    expectSame('its amount', one.refundedAmount, REFUND_MINOR)
  })
}

async function tellLostWebhook(telling: Telling): Promise<Sale> {
  const { narrator, shopper } = telling
  narrator.chapter('4. Dodo’s webhooks are lost, and nobody notices')
  await narrator.step('from now on no webhook arrives', () => shopper.loseWebhooks(true))
  const sale = await sell(telling, 'the shopper pays; when the shop asks, the bridge asks Dodo')
  await narrator.step('webhooks arrive again', () => shopper.loseWebhooks(false))
  return sale
}

async function tellClosedTab(telling: Telling): Promise<Sale> {
  const { narrator, shopper } = telling
  narrator.chapter('5. A shopper pays, and closes the tab')
  const sale = await begin(telling)
  await narrator.step('the shopper pays, and never comes back', () => shopper.pay(sale))
  const claim = 'the bridge completes the cart, once: it is an order of the shop'
  await narrator.step(claim, () =>
    eventually(claim, async () => {
      const { order } = await shopper.readCart(sale)
      return order ? { found: order } : { seen: 'a cart without an order' }
    }),
  )
  return sale
}

/** For each cart the shop, the bridge and Dodo say the same amount, once. */
async function tellBooks({ narrator, shopper }: Telling, sales: readonly Sale[]) {
  narrator.chapter('6. The books')
  const lines = await narrator.step('of every order shop, bridge and Dodo say the same', () =>
    Promise.all(sales.map((sale) => compare(shopper, sale))),
  )
  narrator.say()
  narrator.show(...lines)
}

async function compare(shopper: Shopper, sale: Sale): Promise<string> {
  const cart = await shopper.readCart(sale)
  const { orderId } = sale
  if (!cart.order) throw new StepFailed(`cart ${cart.id} is an order`, 'it is none')
  const order = await eventually(`${orderId} is at rest`, async () => {
    const seen = await shopper.readOrder(sale)
    const isTold = seen.told.every(({ status }) => status === 'done')
    return seen.state === 'paid' && isTold ? { found: seen } : { seen: JSON.stringify(seen) }
  })
  const applied = order.payments.filter(({ disposition }) => disposition === 'applied')
  expectSame(`payments that pay ${orderId}`, applied.length, 1)
  const payment = await shopper.readPayment(applied[0]?.dodoPaymentId ?? '')
  expectSame('Dodo’s payment is', payment.status, 'succeeded')
  expectSame('Dodo’s amount', payment.total_amount, order.amount)
  expectSame('Dodo’s currency', payment.currency, order.currency)
  expectSame('the shop’s amount', Number(cart.order.total), order.amount)
  expectSame('the shop was told', order.claimed, true)
  const back = order.refunds.reduce((sum, { amount }) => sum + (amount ?? 0), 0)
  const given = back > 0 ? `, ${formatDodo(back, order.currency)} given back` : ''
  const amount = formatDodo(order.amount, order.currency)
  return `order ${cart.order.displayId}  ${amount}  ${payment.payment_id}${given}`
}
