import { createCartActs, currencyOf } from './carts.ts'
import { completeActiveCart, completeInvoicePayment } from './completion.ts'
import {
  createEmptySessions,
  initiateInvoicePaymentSession,
  initiatePaymentSession,
} from './payment-sessions.ts'
import { createProvider, findByCode, type NewProvider } from './providers.ts'
import { notFound } from './refusal.ts'
import type { Invoice, Product, Region } from './records.ts'
import { newId } from './store.ts'
import { handleProviderWebhook } from './webhook.ts'
import type { OpenfrontWorld } from './world.ts'

const STRANGER = { scopes: [], userId: null }

export type OpenfrontActs = ReturnType<typeof createOpenfrontActs>

/** What shoppers, the shop's owner and scripts of the shop do. */
export function createOpenfrontActs(world: OpenfrontWorld) {
  return { ...createCartActs(world), ...ownerActs(world), ...paymentActs(world) }
}

function ownerActs({ store }: OpenfrontWorld) {
  return {
    createRegion(name: string, currency: string, taxRate = 0): Region {
      const region = { id: newId(), name, taxRate, currency: currencyOf(currency) }
      store.regions.set(region.id, region)
      return region
    },
    createProduct(title: string, price: number): Product {
      const product = { id: newId(), title, price }
      store.products.set(product.id, product)
      return product
    },
    createInvoice(totalAmount: number, currency: string, userId: string): Invoice {
      const invoice: Invoice = {
        id: newId(),
        totalAmount,
        currency: currencyOf(currency),
        accountId: newId(),
        userId,
        collection: null,
        paidAt: null,
      }
      store.invoices.set(invoice.id, invoice)
      return invoice
    },
    createApiKey(scopes: readonly string[], expiresAt: Date | null = null): string {
      const token = `of_${newId()}`
      store.apiKeys.set(token, { token, scopes: [...scopes], expiresAt })
      return token
    },
    createProvider: (fields: NewProvider) => createProvider(store, fields),
  }
}

function paymentActs(world: OpenfrontWorld) {
  const { store, behaviour, callProvider } = world
  const find = (code: string) => {
    const provider = findByCode(store, code)
    if (!provider) throw notFound('Payment provider')
    return provider
  }

  return {
    /** The shopper picks the method and goes on to the review. */
    choosePayment: (cartId: string, code: string) => initiatePaymentSession(world, cartId, code),
    chooseInvoicePayment: (invoiceId: string, code: string) =>
      initiateInvoicePaymentSession(world, invoiceId, code),
    createEmptySessions: (owner: { cartId?: string; invoiceId?: string }) =>
      createEmptySessions(world, owner),
    /** What the page that the shopper came back to does. */
    completeCart: (cartId: string, paymentSessionId?: string) =>
      completeActiveCart(world, STRANGER, { cartId, paymentSessionId }),
    completeInvoice: (invoiceId: string, paymentSessionId: string, userId: string) =>
      completeInvoicePayment(world, { scopes: [], userId }, { invoiceId, paymentSessionId }),
    relayWebhook: (providerId: string, event: unknown, headers: unknown) =>
      handleProviderWebhook(world, { providerId, event, headers }),
    /** No code of the shop calls these three: a patched shop or a script does, through the helpers. */
    refund: (code: string, paymentId: unknown, amount: number, reason?: string) =>
      callProvider(find(code), 'refundPaymentFunction', {
        paymentId,
        amount,
        // The helper drops the reason; the guide has it.
        ...(behaviour.speech === 'guide' && reason !== undefined && { reason }),
      }),
    readStatus: (code: string, paymentId: unknown) =>
      callProvider(find(code), 'getPaymentStatusFunction', { paymentId }),
    readLink: (code: string, paymentId: unknown) =>
      callProvider(find(code), 'generatePaymentLinkFunction', { paymentId }),
    /** After fulfilment, says the guide; by the code only from inside the webhook mutation. */
    capture: (code: string, paymentId: unknown, amount: number) =>
      callProvider(find(code), 'capturePaymentFunction', { paymentId, amount }),
  }
}
