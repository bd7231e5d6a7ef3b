import { z } from 'zod'

/** What Postgres keeps in no text is in no id, nor what it would keep as another one. */
const anyText = z
  .string()
  .max(200)
  .refine((value) => !value.includes('\0') && value.isWellFormed())
const id = anyText.min(1)
/** In no id of HighLevel's, and in the key of each cycle of a subscription: a browser that made one up would stand in its place. */
const transactionId = id.refine((value) => !value.includes('#'))
const optionalId = anyText.nullish().transform((text) => text || undefined)
const amount = z.union([z.number(), z.string()])

const Product = z.looseObject({ productId: optionalId, priceId: optionalId })
/** A list now, one object in older texts, and sometimes none. */
const productDetails = z
  .union([z.array(Product), Product.transform((one) => [one])])
  .nullish()
  .transform((products) => products ?? [])
  .catch([])

const Contact = z
  .looseObject({
    id: optionalId,
    name: z.string().nullish().catch(undefined),
    email: z.string().nullish().catch(undefined),
  })
  .nullish()
  .catch(undefined)

/**
 * What the parent tells the pay page, handed on by the browser: nothing in it is proof, but that `publishableKey`
 * says where to look (HighLevel's help article 155000002620).
 */
export const Props = z.discriminatedUnion('mode', [
  z.looseObject({
    mode: z.enum(['payment', 'subscription']),
    publishableKey: z.string(),
    amount,
    currency: z.string(),
    transactionId,
    orderId: optionalId,
    subscriptionId: optionalId,
    locationId: optionalId,
    contact: Contact,
    productDetails,
  }),
  z.looseObject({
    mode: z.literal('setup'),
    publishableKey: z.string(),
    currency: z.string(),
    contact: z.looseObject({ id }),
    locationId: optionalId,
  }),
])

/** What comes to `queryUrl`. `apiKey` is all that tells who calls, and is judged before anything else is read. */
export const Query = z.discriminatedUnion('type', [
  z.looseObject({
    type: z.literal('verify'),
    transactionId,
    chargeId: optionalId,
    subscriptionId: optionalId,
  }),
  z.looseObject({
    type: z.literal('refund'),
    amount,
    transactionId,
    chargeId: optionalId,
  }),
  z.looseObject({ type: z.literal('list_payment_methods'), contactId: id, locationId: optionalId }),
  z.looseObject({
    type: z.literal('charge_payment'),
    paymentMethodId: id,
    contactId: id,
    transactionId,
    amount,
    currency: z.string(),
  }),
  z.looseObject({
    type: z.literal('create_subscription'),
    locationId: optionalId,
    contactId: id,
    paymentMethodId: id,
    subscriptionId: id,
    transactionId,
    startDate: z.string(),
    currency: z.string(),
    amount,
    recurringAmount: amount,
    productDetails,
  }),
  z.looseObject({ type: z.literal('cancel_subscription'), subscriptionId: id }),
])
