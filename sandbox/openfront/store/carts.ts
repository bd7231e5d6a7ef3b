import { notFound, OpenfrontRefusal } from './refusal.ts'
import type { Cart, Line, Product, Region } from './records.ts'
import { newId, type OpenfrontStore } from './store.ts'
import type { OpenfrontWorld } from './world.ts'

/** The shop believes only of these that they have no cents. */
const WITHOUT_CENTS = new Set(['jpy', 'krw', 'vnd'])

/** A currency as the shop keeps it: in lower case. */
export function currencyOf(code: string) {
  const lower = code.toLowerCase()
  return { code: lower, noDivisionCurrency: WITHOUT_CENTS.has(lower) }
}

/** The cart, or the shop's refusal. */
export function findCart(store: OpenfrontStore, cartId: string): Cart {
  const cart = store.carts.get(cartId)
  if (!cart) throw notFound('Cart')
  return cart
}

/** Where the cart's buyer lives. */
export function regionOf(store: OpenfrontStore, cart: Cart): Region {
  const region = store.regions.get(cart.regionId)
  if (!region) throw notFound('Region')
  return region
}

function findProduct(store: OpenfrontStore, productId: string): Product {
  const product = store.products.get(productId)
  if (!product) throw notFound('Product')
  return product
}

/** What the cart costs now: goods less discounts, shipping, and the region's tax on both; an integer. */
export function rawTotal(store: OpenfrontStore, cart: Cart): number {
  const { taxRate } = regionOf(store, cart)
  const goods = cart.lines.reduce(
    (sum, line) => sum + findProduct(store, line.productId).price * line.quantity,
    0,
  )
  const off = cart.discounts.reduce((sum, { amount }) => sum + amount, 0)
  return Math.round((Math.max(0, goods - off) + cart.shippingPrice) * (1 + taxRate))
}

type NewCart = {
  regionId?: string
  email?: string
  customerName?: string
  lines?: readonly { productId: string; quantity: number }[]
}

/** What shoppers do with a cart, with the shop's rules of when a payment collection is dropped. */
export function createCartActs(world: CartWorld) {
  return { ...goodsActs(world), ...priceActs(world) }
}

const drop = (cart: Cart) => {
  cart.collection = null
}

function lineOf(cart: Cart, lineId: string): Line {
  const line = cart.lines.find(({ id }) => id === lineId)
  if (!line) throw notFound('Line item')
  return line
}

type CartWorld = Pick<OpenfrontWorld, 'store' | 'behaviour'>

/** A fault of the published shop, unless it was mended: these edits keep the collection. */
const dropIfMended = ({ behaviour }: CartWorld, cart: Cart) => {
  if (behaviour.dropsStaleSessions) drop(cart)
}

function goodsActs(world: CartWorld) {
  const { store } = world
  return {
    createCart({ regionId, email, customerName, lines = [] }: NewCart = {}): Cart {
      const region = regionId ?? [...store.regions.keys()][0]
      if (region === undefined) throw new OpenfrontRefusal('The shop has no region')
      const cart: Cart = {
        id: newId(),
        email: email ?? null,
        customerName: customerName ?? null,
        regionId: region,
        lines: lines.map((line) => ({ id: newId(), ...line })),
        discounts: [],
        shippingPrice: 0,
        collection: null,
        orderId: null,
      }
      for (const { productId } of lines) findProduct(store, productId)
      store.carts.set(cart.id, cart)
      return cart
    },
    addLine(cartId: string, productId: string, quantity = 1) {
      const cart = findCart(store, cartId)
      const line = { id: newId(), productId: findProduct(store, productId).id, quantity }
      cart.lines.push(line)
      drop(cart)
      return line
    },
    changeQuantity(cartId: string, lineId: string, quantity: number): void {
      const cart = findCart(store, cartId)
      lineOf(cart, lineId).quantity = quantity
      drop(cart)
    },
    /** The hook has no branch for it: the session stays, and is too high. */
    removeLine(cartId: string, lineId: string): void {
      const cart = findCart(store, cartId)
      const line = lineOf(cart, lineId)
      cart.lines = cart.lines.filter((other) => other !== line)
      dropIfMended(world, cart)
    },
    chooseShipping(cartId: string, price: number): void {
      const cart = findCart(store, cartId)
      cart.shippingPrice = price
      drop(cart)
    },
    changeRegion(cartId: string, regionId: string): void {
      const cart = findCart(store, cartId)
      if (!store.regions.has(regionId)) throw notFound('Region')
      cart.regionId = regionId
      drop(cart)
    },
  }
}

function priceActs(world: CartWorld) {
  const { store } = world
  return {
    /** The collection stays, and the session is too high. */
    addDiscountCode(cartId: string, code: string, amount: number): void {
      const cart = findCart(store, cartId)
      cart.discounts.push({ code, amount })
      dropIfMended(world, cart)
    },
    /** The collection stays, and the session is too low. */
    removeDiscountCode(cartId: string, code: string): void {
      const cart = findCart(store, cartId)
      cart.discounts = cart.discounts.filter((discount) => discount.code !== code)
      dropIfMended(world, cart)
    },
    /** The record of a discount is edited: every cart that holds it loses its collection. */
    editDiscount(code: string, amount: number): void {
      for (const cart of store.carts.values()) {
        const held = cart.discounts.find((discount) => discount.code === code)
        if (!held) continue
        held.amount = amount
        drop(cart)
      }
    },
    /** The catalogue changes under the carts, whose sessions stay. */
    changePrice(productId: string, price: number): void {
      findProduct(store, productId).price = price
    },
  }
}
