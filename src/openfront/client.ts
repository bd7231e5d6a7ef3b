import { z } from 'zod'

import { ApiError, type Outcome } from '../errors.ts'

const CART_ORDER = 'query ($id: ID!) { cart(where: { id: $id }) { id order { id displayId } } }'
const ACTIVE_CART = 'query ($cartId: ID!) { activeCart(cartId: $cartId) }'
const COMPLETE_CART = `mutation ($cartId: ID!, $paymentSessionId: ID) {
  completeActiveCart(cartId: $cartId, paymentSessionId: $paymentSessionId)
}`

/** The code of what the shop itself says no to, in an answer that is HTTP 200. */
export const GRAPHQL_ERRORS = 'graphql_errors'

const Order = z.object({ id: z.string(), displayId: z.union([z.string(), z.number()]).nullish() })
const CartOrder = z.object({
  cart: z.object({ id: z.string(), order: Order.nullable() }).nullable(),
})

const PaymentSession = z.looseObject({
  id: z.string(),
  /** Whatever a provider has answered: ours an object. */
  data: z.record(z.string(), z.unknown()).nullish().catch(null),
})
const ActiveCart = z.object({
  activeCart: z
    .looseObject({
      id: z.string(),
      rawTotal: z.number(),
      region: z.looseObject({ currency: z.looseObject({ code: z.string() }) }).nullish(),
      paymentCollection: z
        .looseObject({ paymentSessions: z.array(PaymentSession).nullish() })
        .nullish(),
    })
    .nullable(),
})
const Completed = z.object({ completeActiveCart: z.looseObject({ id: z.string() }) })
const Answer = z.object({
  data: z.unknown(),
  errors: z.array(z.looseObject({ message: z.string() })).nullish(),
})

/**
 * A shop's GraphQL (openfront `features/keystone/mutations/activeCart.ts`, `completeActiveCart.ts`). The fetch is
 * that of a vendor: with a deadline, a bound on answers, no redirect. Every method throws `ApiError`.
 */
export function createOpenfront(options: {
  /** Of its GraphQL. */
  url: string
  /** An API key of the shop with `read_orders`. */
  token: string | undefined
  fetch: typeof globalThis.fetch
}) {
  const { url, token, fetch } = options

  async function ask<Shape extends z.ZodType>(
    what: string,
    shape: Shape,
    operation: { query: string; variables: Record<string, unknown> },
    { withToken, onRefusal }: { withToken: boolean; onRefusal: Outcome },
  ): Promise<z.infer<Shape>> {
    const response = await fetch(url, {
      method: 'POST',
      headers: {
        'Content-Type': 'application/json',
        ...(withToken && token !== undefined && { Authorization: `Bearer ${token}` }),
      },
      body: JSON.stringify(operation),
    })
    const { status } = response
    const text = await response.text()
    const fail = (outcome: Outcome, detail: string, code?: string) =>
      new ApiError({ service: 'Openfront', call: what, outcome, status, detail, code })
    const answer = Answer.safeParse(parseJson(text))
    const words = answer.data?.errors?.map(({ message }) => message).join('; ')
    // A query that is wrong in itself was not carried out.
    if (!response.ok) throw fail('refused', words ?? text)
    if (words) throw fail(onRefusal, words, GRAPHQL_ERRORS)
    const parsed = shape.safeParse(answer.data?.data)
    if (!parsed.success) throw fail('unknown', `unreadable: ${z.prettifyError(parsed.error)}`)
    return parsed.data
  }

  return {
    /**
     * The order that the cart has become, `null` when it has none, undefined when the shop shows no such cart: it
     * is not there, or the token may not read it. That is never a proof that there is no order.
     */
    async findOrderOfCart(cartId: string): Promise<{ id: string } | null | undefined> {
      const { cart } = await ask(
        `read the order of cart ${cartId}`,
        CartOrder,
        { query: CART_ORDER, variables: { id: cartId } },
        { withToken: true, onRefusal: 'refused' },
      )
      return cart === null || cart.id !== cartId ? undefined : cart.order
    },

    /** What the cart asks for now, in the shop's units, and its sessions. Anybody may read it. */
    async findActiveCart(cartId: string) {
      const { activeCart } = await ask(
        `read cart ${cartId}`,
        ActiveCart,
        { query: ACTIVE_CART, variables: { cartId } },
        { withToken: false, onRefusal: 'refused' },
      )
      if (!activeCart) return undefined
      return {
        amount: activeCart.rawTotal,
        currency: activeCart.region?.currency.code.toUpperCase(),
        sessions: (activeCart.paymentCollection?.paymentSessions ?? []).map(({ id, data }) => ({
          id,
          paymentId: typeof data?.['paymentId'] === 'string' ? data['paymentId'] : undefined,
        })),
      }
    },

    /**
     * Makes an order of the cart. The shop does not look whether there is one: called twice it makes two. Its
     * errors come after whatever it wrote before, so that their outcome is `unknown` until the order is read.
     */
    async completeCart(cartId: string, paymentSessionId: string): Promise<{ id: string }> {
      const { completeActiveCart } = await ask(
        `complete cart ${cartId}`,
        Completed,
        { query: COMPLETE_CART, variables: { cartId, paymentSessionId } },
        { withToken: false, onRefusal: 'unknown' },
      )
      return { id: completeActiveCart.id }
    },
  }
}

export type Openfront = ReturnType<typeof createOpenfront>

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
