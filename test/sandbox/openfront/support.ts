import { fetchInProcess } from '../../../sandbox/kit/in-process.ts'
import {
  createSandboxOpenfront,
  GRAPHQL_PATH,
  type SandboxOpenfrontOptions,
} from '../../../sandbox/openfront/openfront.ts'
import { functionsAt } from '../../../sandbox/openfront/store/providers.ts'

export const SHOP_URL = 'http://shop.test'
export const CODE = 'pp_dodo'
export const CREDENTIALS = { apiKey: 'ofk_0123456789abcdef', environment: 'sandbox' }

type Asked = { path: string; headers: Headers; body: Record<string, unknown> }
type Answer = (asked: Asked) => Response

/** What a provider answers that has made a payment of each cart. */
const created: Answer = ({ body }) =>
  Response.json({
    paymentId: 'ord_1',
    checkoutUrl: 'http://bridge.test/pay/1',
    status: 'pending',
    amount: body['amount'],
  })

/** A shop with one product of 25.99 and one provider, which remembers what it is asked and answers as it is told. */
export function openShop(options: Partial<SandboxOpenfrontOptions> = {}) {
  const asked: Asked[] = []
  const answers: Record<string, Answer> = { '/api/create-payment': created }
  const shop = createSandboxOpenfront({
    publicUrl: SHOP_URL,
    fetch: fetchInProcess({
      async fetch(request) {
        const { pathname: path } = new URL(request.url)
        const call = { path, headers: request.headers, body: await request.json() } as Asked
        asked.push(call)
        return answers[path]?.(call) ?? Response.json({ error: 'unexpected' }, { status: 500 })
      },
    }),
    ...options,
  })
  const region = shop.createRegion('US', 'USD')
  const product = shop.createProduct('E-book', 2_599)
  const provider = shop.createProvider({
    name: 'Dodo Payments',
    code: CODE,
    isInstalled: true,
    credentials: CREDENTIALS,
    ...functionsAt('http://bridge.test/'),
  })
  const cart = (changes: Parameters<typeof shop.createCart>[0] = {}) =>
    shop.createCart({ lines: [{ productId: product.id, quantity: 1 }], ...changes })

  const graphql = async (
    query: string,
    variables: Record<string, unknown> = {},
    token?: string,
  ) => {
    const response = await shop.fetch(`${SHOP_URL}${GRAPHQL_PATH}`, {
      method: 'POST',
      headers: {
        'Content-Type': 'application/json',
        ...(token !== undefined && { Authorization: `Bearer ${token}` }),
      },
      body: JSON.stringify({ query, variables }),
    })
    const body = (await response.json()) as {
      data?: unknown
      errors?: { message: string }[]
    }
    return { status: response.status, ...body }
  }
  return { shop, asked, answers, region, product, provider, cart, graphql }
}

/** The message of what was thrown; fails when nothing was. */
export const refusalOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => {
      throw new Error('was not refused')
    },
    (error: unknown) => (error instanceof Error ? error.message : String(error)),
  )
