import { OpenfrontRefusal } from './refusal.ts'
import { PROVIDER_FUNCTIONS, type PaymentProvider, type ProviderFunction } from './records.ts'
import { newId, type OpenfrontStore } from './store.ts'

const CODE = /^pp_[a-zA-Z0-9-_]+$/

export type NewProvider = Omit<PaymentProvider, 'id'>

/** Writes a provider down, as the generic Keystone page does. */
export function createProvider(store: OpenfrontStore, fields: NewProvider): PaymentProvider {
  if (!CODE.test(fields.code)) {
    throw new OpenfrontRefusal(
      'You provided invalid data for this operation.\n  - PaymentProvider.code: value must match /^pp_[a-zA-Z0-9-_]+$/',
    )
  }
  if (findByCode(store, fields.code)) {
    throw new OpenfrontRefusal('Prisma error: Unique constraint failed on the fields: (`code`)')
  }
  for (const name of PROVIDER_FUNCTIONS) {
    if (fields[name] === '')
      throw new OpenfrontRefusal(
        `You provided invalid data for this operation.\n  - PaymentProvider.${name}: value must not be empty`,
      )
  }
  const provider = { ...fields, id: newId() }
  store.providers.set(provider.id, provider)
  return provider
}

export const findByCode = (store: OpenfrontStore, code: string): PaymentProvider | undefined =>
  [...store.providers.values()].find((provider) => provider.code === code)

/** The ends of the six addresses, under the names of the guide. */
const ROUTES: Record<ProviderFunction, string> = {
  createPaymentFunction: 'create-payment',
  capturePaymentFunction: 'capture-payment',
  refundPaymentFunction: 'refund-payment',
  getPaymentStatusFunction: 'get-payment-status',
  generatePaymentLinkFunction: 'generate-payment-link',
  handleWebhookFunction: 'handle-webhook',
}

/** The addresses of a provider whose six endpoints lie beside each other. */
export const functionsAt = (url: string) =>
  Object.fromEntries(
    PROVIDER_FUNCTIONS.map((name) => [name, `${url.replace(/\/+$/, '')}/api/${ROUTES[name]}`]),
  ) as Record<ProviderFunction, string>
