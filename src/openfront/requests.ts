import { z } from 'zod'

/** GraphQL's `Int`, which all amounts of a shop are. */
const MAX_AMOUNT = 2_147_483_647
const MAX_ID_LENGTH = 200
const MAX_REASON_LENGTH = 3_000

const amount = z
  .int('must be an integer')
  .min(1, 'must be at least 1')
  .max(MAX_AMOUNT, `must be at most ${MAX_AMOUNT}`)
/** What Postgres keeps in no text. */
const NUL = '\0'
const WITHOUT_NUL = 'must not hold NUL'
/** Half a character is kept as another one: two ids would become the same. */
const text = (most: number) =>
  z
    .string('must be a string')
    .max(most, `must be at most ${most} characters`)
    .refine((value) => !value.includes(NUL), WITHOUT_NUL)
    .refine((value) => value.isWellFormed(), 'must be text')
const id = text(MAX_ID_LENGTH).min(1, 'must not be empty')
/** Real calls write it in lower case, the guide in upper case. */
const currency = z
  .string('must be a string')
  .regex(/^[A-Za-z]{3}$/, 'must be three letters')
  .transform((code) => code.toUpperCase())
/** What a patched shop or one by the guide may add; of no other type is it believed. */
const textIfThere = z
  .unknown()
  .optional()
  .transform((value) => {
    if (typeof value !== 'string' || value.includes(NUL)) return undefined
    return value.toWellFormed().trim().slice(0, MAX_ID_LENGTH) || undefined
  })
/** Dodo takes no payment with an address that is none. */
const emailIfThere = textIfThere.transform((value) =>
  z.email().safeParse(value).success ? value : undefined,
)
const totalIfThere = z.unknown().optional()

/**
 * create-payment, for a cart or for an invoice, which comes under the same key. Real calls have no total, no
 * currency in the cart and no customer (openfront `features/keystone/mutations/initiatePaymentSession.ts`).
 */
export const CreatePayment = z
  .looseObject({
    cart: z.looseObject(
      {
        id,
        rawTotal: totalIfThere,
        total: totalIfThere,
        totalAmount: totalIfThere,
        customer: z
          .looseObject({ email: emailIfThere, name: textIfThere })
          .optional()
          .catch(undefined),
      },
      'must be an object',
    ),
    amount,
    currency,
  })
  .superRefine(({ cart, amount: asked }, context) => {
    for (const name of ['rawTotal', 'total', 'totalAmount'] as const) {
      const total = cart[name]
      if (total === undefined || total === null || total === asked) continue
      context.addIssue({
        code: 'custom',
        path: ['cart', name],
        message: 'must be the same as amount',
      })
    }
  })
export type CreatePayment = z.infer<typeof CreatePayment>

/** An invoice of a business account comes under the key of a cart (openfront `initiateInvoicePaymentSession.ts`). */
export const isInvoice = ({ cart }: CreatePayment): boolean =>
  (typeof cart['account'] === 'object' && cart['account'] !== null) ||
  (cart.totalAmount !== undefined && cart.rawTotal === undefined && cart.total === undefined)

/** capture-payment: `paymentId` is what our handle-webhook called the resource. */
export const CapturePayment = z.looseObject({ paymentId: id, amount })

/** refund-payment: the shop's helper drops the reason, and `idempotencyKey` is ours. */
export const RefundPayment = z.looseObject({
  paymentId: id,
  amount,
  reason: text(MAX_REASON_LENGTH).nullish(),
  idempotencyKey: id.nullish(),
})

/** get-payment-status and generate-payment-link. */
export const NamedPayment = z.looseObject({ paymentId: id })

/** What is wrong with a request, in one line that names the fields. */
export const describeIssues = ({ issues }: z.core.$ZodError): string =>
  issues
    .map(({ path, message }) => (path.length > 0 ? `${path.join('.')} ${message}` : message))
    .join('; ')
