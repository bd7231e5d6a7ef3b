import { GraphQLError } from 'graphql'
import { rawTotal, regionOf } from '../store/carts.ts'
import { completeActiveCart, completeInvoicePayment } from '../store/completion.ts'
import {
  createEmptySessions,
  findInvoice,
  initiateInvoicePaymentSession,
  initiatePaymentSession,
} from '../store/payment-sessions.ts'
import { createProvider, findByCode } from '../store/providers.ts'
import {
  PROVIDER_FUNCTIONS,
  type Cart,
  type Order,
  type PaymentCollection,
} from '../store/records.ts'
import { handleProviderWebhook } from '../store/webhook.ts'
import type { Asker, OpenfrontWorld } from '../store/world.ts'

/** Scopes of API keys, and what each may read or write. */
const ORDERS = ['read_orders', 'write_orders']
const PAYMENTS = ['read_payments', 'write_payments']

/** The roots of the schema. Whoever asks comes as the context of the execution. */
export function createResolvers(world: OpenfrontWorld) {
  return { ...queries(world), ...mutations(world) }
}

function queries(world: OpenfrontWorld) {
  const { store, behaviour } = world
  /** What a key may not read is not there; or it is an error. */
  const read = <Value>(asker: Asker, scopes: readonly string[], found: () => Value) => {
    if (scopes.some((scope) => asker.scopes.includes(scope))) return found() ?? null
    if (behaviour.deniedReads === 'null') return null
    throw new GraphQLError('Access denied', { extensions: { code: 'KS_ACCESS_DENIED' } })
  }

  return {
    activeCart: ({ cartId }: { cartId: string }) => {
      const cart = store.carts.get(cartId)
      return cart ? activeCartView(world, cart) : null
    },
    activeInvoice: ({ invoiceId }: { invoiceId: string }) => {
      const { id, totalAmount, currency, collection } = findInvoice(store, invoiceId)
      return { id, totalAmount, currency, paymentCollection: collectionView(world, collection) }
    },
    cart: ({ where }: Where, asker: Asker) =>
      read(asker, ORDERS, () => {
        const cart = store.carts.get(where.id ?? '')
        return cart && cartRow(world, cart)
      }),
    order: ({ where }: Where, asker: Asker) =>
      read(asker, ORDERS, () => {
        const order = [...store.orders.values()].find(
          ({ id, displayId }) => id === where.id || displayId === where.displayId,
        )
        return order && orderRow(order)
      }),
    paymentProvider: ({ where }: Where, asker: Asker) =>
      read(asker, PAYMENTS, () =>
        where.code === undefined
          ? store.providers.get(where.id ?? '')
          : findByCode(store, where.code),
      ),
    paymentProviders: (_: unknown, asker: Asker) =>
      read(asker, PAYMENTS, () => [...store.providers.values()]),
  }
}

type Where = { where: { id?: string; code?: string; displayId?: number } }

function mutations(world: OpenfrontWorld) {
  const { store } = world
  return {
    initiatePaymentSession: (args: { cartId: string; paymentProviderId: string }) =>
      initiatePaymentSession(world, args.cartId, args.paymentProviderId),
    initiateInvoicePaymentSession: (args: { invoiceId: string; paymentProviderId: string }) =>
      initiateInvoicePaymentSession(world, args.invoiceId, args.paymentProviderId),
    createActiveCartPaymentSessions: ({ cartId }: { cartId: string }) =>
      createEmptySessions(world, { cartId }),
    async completeActiveCart(
      args: { cartId: string; paymentSessionId?: string | null },
      asker: Asker,
    ) {
      const { id, displayId, secretKey, status, email } = await completeActiveCart(
        world,
        asker,
        args,
      )
      return { id, displayId, secretKey, status, email, shippingAddress: null }
    },
    async completeInvoicePayment(
      args: { invoiceId: string; paymentSessionId: string },
      asker: Asker,
    ) {
      const { id, status, amount } = await completeInvoicePayment(world, asker, args)
      return { id, status, amount }
    },
    handlePaymentProviderWebhook: (args: Parameters<typeof handleProviderWebhook>[1]) =>
      handleProviderWebhook(world, args),
    createPaymentProvider({ data }: { data: Record<string, unknown> }, asker: Asker) {
      if (!asker.scopes.includes('write_payments'))
        throw new GraphQLError('Access denied: You cannot create that PaymentProvider', {
          extensions: { code: 'KS_ACCESS_DENIED' },
        })
      const text = (name: string) => (typeof data[name] === 'string' ? data[name] : '')
      const functions = PROVIDER_FUNCTIONS.map((name) => [name, text(name)] as const)
      return createProvider(store, {
        name: text('name'),
        code: text('code'),
        isInstalled: data['isInstalled'] === true,
        credentials: (data['credentials'] ?? {}) as Record<string, unknown>,
        ...(Object.fromEntries(functions) as Record<(typeof PROVIDER_FUNCTIONS)[number], string>),
      })
    },
  }
}

const orderRow = ({ id, displayId, status, email, total }: Order) => {
  return { id, displayId, status, email, total: String(total) }
}

function cartRow({ store }: OpenfrontWorld, cart: Cart) {
  const order = store.orders.get(cart.orderId ?? '')
  const { id, email } = cart
  return {
    id,
    email,
    rawTotal: rawTotal(store, cart),
    status: 'ACTIVE',
    order: order ? orderRow(order) : null,
  }
}

/** What anybody may see of a cart, sessions with their data included. */
function activeCartView(world: OpenfrontWorld, cart: Cart) {
  const { store } = world
  const { id, name, currency } = regionOf(store, cart)
  return {
    id: cart.id,
    email: cart.email,
    rawTotal: rawTotal(store, cart),
    region: { id, name, currency },
    paymentCollection: collectionView(world, cart.collection),
    checkoutStep: cart.collection ? 'review' : 'payment',
    lineItems: cart.lines,
  }
}

function collectionView({ store }: OpenfrontWorld, collection: PaymentCollection | null) {
  if (!collection) return null
  return {
    id: collection.id,
    paymentSessions: collection.sessions.map(({ id, data, isSelected, providerCode }) => {
      const provider = findByCode(store, providerCode)
      return {
        id,
        data,
        isSelected,
        paymentProvider: provider
          ? { id: provider.id, code: provider.code, isInstalled: provider.isInstalled }
          : null,
      }
    }),
  }
}
