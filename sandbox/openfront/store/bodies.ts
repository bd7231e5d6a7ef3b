import { rawTotal, regionOf } from './carts.ts'
import type { Cart, Invoice, PaymentCollection, PaymentProvider } from './records.ts'
import type { OpenfrontWorld } from './world.ts'

type Speaker = Pick<OpenfrontWorld, 'store' | 'behaviour'>

/** What the shop tells of a provider to the provider; never its name, but for the guide. */
export function providerBody(
  { behaviour }: Pick<OpenfrontWorld, 'behaviour'>,
  provider: PaymentProvider,
  isWebhookOrCapture: boolean,
): Record<string, unknown> {
  const { name, handleWebhookFunction, ...sent } = provider
  if (behaviour.speech === 'guide') return { name, credentials: provider.credentials }
  return isWebhookOrCapture ? { ...sent, handleWebhookFunction } : sent
}

/** The arguments of create-payment for a cart. `isNew`: the collection was made a moment ago. */
export function cartArguments(world: Speaker, cart: Cart, collection: SentCollection) {
  const { store, behaviour } = world
  const { id, taxRate, currency } = regionOf(store, cart)
  const total = rawTotal(store, cart)
  if (behaviour.speech === 'guide') {
    const code = currency.code.toUpperCase()
    const customer = cart.email && { email: cart.email, name: cart.customerName ?? cart.email }
    return {
      cart: { id: cart.id, total, currency: code, ...(customer && { customer }) },
      amount: total,
      currency: code,
    }
  }
  return {
    cart: {
      id: cart.id,
      rawTotal: total,
      region: { id, taxRate, currency },
      paymentCollection: collectionBody(world, collection),
    },
    amount: total,
    currency: currency.code,
  }
}

/** The arguments of create-payment for the invoice of a business account, under the same key `cart`. */
export function invoiceArguments(world: Speaker, invoice: Invoice, collection: SentCollection) {
  const { id, totalAmount, currency, accountId, userId } = invoice
  const paymentCollection = collectionBody(world, collection)
  const account = { id: accountId, user: { id: userId } }
  return {
    cart: { id, totalAmount, currency, account, paymentCollection },
    amount: totalAmount,
    currency: currency.code,
  }
}

type SentCollection = { collection: PaymentCollection; isNew: boolean }

function collectionBody({ store }: Speaker, { collection, isNew }: SentCollection) {
  if (isNew) return { id: collection.id }
  const providers = [...store.providers.values()]
  return {
    id: collection.id,
    amount: collection.amount,
    // What other providers answered travels with it.
    paymentSessions: collection.sessions.map(
      ({ id, isSelected, isInitiated, providerCode, data }) => ({
        id,
        isSelected,
        isInitiated,
        paymentProvider: {
          id: providers.find(({ code }) => code === providerCode)?.id ?? null,
          code: providerCode,
        },
        data,
      }),
    ),
  }
}
