/** @jsxImportSource hono/jsx */
import { type Context, Hono } from 'hono'
import { z } from 'zod'
import { Act, Input, Page, Select } from '../../kit/page.tsx'
import { blankless, readInput } from '../../kit/switches.tsx'
import type { OpenfrontActs } from '../store/acts.ts'
import { findCart, rawTotal, regionOf } from '../store/carts.ts'
import { OpenfrontRefusal } from '../store/refusal.ts'
import type { Cart, PaymentSession } from '../store/records.ts'
import type { OpenfrontWorld } from '../store/world.ts'

type Shown = { world: OpenfrontWorld; acts: OpenfrontActs }

const NewCart = z.object({
  region: blankless(z.string()),
  product: z.string(),
  quantity: z.coerce.number().int().min(1).default(1),
  email: blankless(z.email()),
  name: blankless(z.string()),
})
const Edit = z.object({
  product: blankless(z.string()),
  quantity: blankless(z.coerce.number().int().min(1)),
  line: blankless(z.string()),
  discount: blankless(z.string()),
  amount: blankless(z.coerce.number().int().min(1)),
})
const MAX_INT = 2_147_483_647

/** The shop as a shopper sees it: goods, a cart, a way to pay, and the page to come back to. */
export function shopPages({ world, acts }: Shown) {
  const { store, behaviour } = world
  return new Hono()
    .get('/', (c) => c.html(<Front world={world} />))
    .post('/carts', async (c) => {
      const { region, product, quantity, email, name } = await readInput(c, NewCart)
      const cart = acts.createCart({
        ...(region !== undefined && { regionId: region }),
        ...(email !== undefined && { email }),
        ...(name !== undefined && { customerName: name }),
        lines: [{ productId: product, quantity }],
      })
      return c.redirect(`/checkout/${cart.id}`, 303)
    })
    .get('/checkout/:id', async (c) => {
      const cart = findCart(store, c.req.param('id'))
      // The gateway sends the shopper back here; the patched review step then places the order.
      if (!c.req.query('returned')) return c.html(<Checkout world={world} cart={cart} />)
      const session = selectedSession(cart)
      if (behaviour.closesTab || behaviour.patch === 'none' || !session)
        return c.html(<Checkout world={world} cart={cart} />)
      return placeOrder(c, { cart, session })
    })
    .post('/checkout/:id/lines', async (c) => {
      const { product = '', quantity = 1 } = await readInput(c, Edit)
      acts.addLine(c.req.param('id'), product, quantity)
      return c.redirect(`/checkout/${c.req.param('id')}`, 303)
    })
    .post('/checkout/:id/lines/remove', async (c) => {
      acts.removeLine(c.req.param('id'), (await readInput(c, Edit)).line ?? '')
      return c.redirect(`/checkout/${c.req.param('id')}`, 303)
    })
    .post('/checkout/:id/discounts', async (c) => {
      const { discount = 'SALE', amount = 1 } = await readInput(c, Edit)
      acts.addDiscountCode(c.req.param('id'), discount, amount)
      return c.redirect(`/checkout/${c.req.param('id')}`, 303)
    })
    .post('/checkout/:id/payment', async (c) => {
      const { provider } = await readInput(c, z.object({ provider: z.string() }))
      await acts.choosePayment(c.req.param('id'), provider)
      return c.redirect(`/checkout/${c.req.param('id')}`, 303)
    })
    .post('/checkout/:id/order', async (c) => {
      const cart = findCart(store, c.req.param('id'))
      const session = selectedSession(cart)
      if (!session) return c.redirect(`/checkout/${cart.id}`, 303)
      return placeOrder(c, { cart, session })
    })
    .get('/:country/order/confirmed/:order', (c) => {
      const order = store.orders.get(c.req.param('order'))
      if (!order) return c.html(<Page title="There is no such order" />, 404)
      return c.html(<Page title={`Thank you: order ${order.displayId} is placed`} />)
    })

  async function placeOrder(c: Context, paid: { cart: Cart; session: PaymentSession }) {
    const { cart, session } = paid
    try {
      const order = await acts.completeCart(cart.id, session.id)
      return c.redirect(`/us/order/confirmed/${order.id}`, 303)
    } catch (error) {
      if (!(error instanceof Error)) throw error
      const page = <Checkout world={world} cart={cart} problem={error.message} />
      return c.html(page, error instanceof OpenfrontRefusal ? 409 : 502)
    }
  }
}

const selectedSession = ({ collection }: Cart) =>
  collection?.sessions.find(({ isSelected }) => isSelected)

function Front({ world: { store } }: Pick<Shown, 'world'>) {
  const products = [...store.products.values()]
  if (products.length === 0 || store.regions.size === 0)
    return <Page title="Openfront">Nothing is sold here yet.</Page>
  return (
    <Page title="Openfront">
      <Act to="/carts" main label="Add to cart">
        <Select label="product" name="product">
          {products.map(({ id, title, price }) => (
            <option value={id}>
              {title} ({price})
            </option>
          ))}
        </Select>
        <Input label="quantity" name="quantity" value={1} digits="numeric" />
        <Select label="region" name="region">
          {[...store.regions.values()].map(({ id, name, currency }) => (
            <option value={id}>
              {name} ({currency.code})
            </option>
          ))}
        </Select>
        <Input label="e-mail" name="email" type="email" />
        <Input label="name" name="name" />
      </Act>
    </Page>
  )
}

function Checkout(props: { world: OpenfrontWorld; cart: Cart; problem?: string }) {
  const { world, cart, problem } = props
  const { store } = world
  const at = `/checkout/${cart.id}`
  const order = store.orders.get(cart.orderId ?? '')
  return (
    <Page title="Checkout">
      {problem && <p>{problem}</p>}
      <div class="card">
        <div class="amount">
          {rawTotal(store, cart)} {regionOf(store, cart).currency.code}
        </div>
        {cart.lines.map((line) => (
          <Act to={`${at}/lines/remove`} label="Remove" fields={{ line: line.id }}>
            {line.quantity} × {store.products.get(line.productId)?.title}
          </Act>
        ))}
      </div>
      {order && <p>This cart is order {order.displayId}.</p>}
      <Act to={`${at}/lines`} label="Add one more">
        <Select label="product" name="product">
          {[...store.products.values()].map(({ id, title }) => (
            <option value={id}>{title}</option>
          ))}
        </Select>
      </Act>
      <Act to={`${at}/discounts`} label="Use a discount code">
        <Input label="code" name="discount" value="SALE" isShort />
        <Input label="amount" name="amount" value={100} digits="numeric" />
      </Act>
      <Act to={`${at}/payment`} label="Continue to review">
        <Select label="payment" name="provider">
          {[...store.providers.values()]
            .filter(({ isInstalled }) => isInstalled)
            .map(({ code }) => (
              // The code is the label, as the shop knows the names of its own providers only.
              <option>{code}</option>
            ))}
        </Select>
      </Act>
      <PayButton world={world} cart={cart} />
    </Page>
  )
}

/** As published it has a button for three prefixes, and for all others one that does nothing. */
function PayButton({ world, cart }: { world: OpenfrontWorld; cart: Cart }) {
  const session = selectedSession(cart)
  if (!session) return <></>
  const code = session.providerCode
  const { checkoutUrl } = session.data
  const at = `/checkout/${cart.id}`
  if (code.startsWith('pp_system_default'))
    return <Act to={`${at}/order`} main label="Place order" />
  if (world.behaviour.patch === 'none' || typeof checkoutUrl !== 'string')
    return (
      <button type="button" class="main" disabled>
        Select a payment method
      </button>
    )
  return (
    <>
      <p>
        <a href={checkoutUrl}>Pay {Math.min(session.amount, MAX_INT)}</a>
      </p>
      <Act to={`${at}/order`} label="I have paid" />
    </>
  )
}
