import DodoPayments from 'dodopayments'
import { z } from 'zod'

import { call, listAll, sdkOptions } from './client.ts'
import { DodoProductRow } from './objects.ts'

/** More pages of endpoints than any account has. */
const MAX_PAGES = 20
const PAGE_SIZE = 100

const Endpoint = z.object({
  id: z.string(),
  url: z.string(),
  description: z.string().nullish(),
  disabled: z.boolean().nullish(),
  filter_types: z.array(z.string()).nullish(),
  metadata: z.record(z.string(), z.string()).nullish(),
  created_at: z.string().nullish(),
})
export type DodoEndpoint = z.infer<typeof Endpoint>
export type DodoEndpointFields = {
  url: string
  description: string
  disabled: boolean
  filter_types: string[]
  metadata: Record<string, string>
}

/**
 * What commands ask of a Dodo account beside its payments: where it sends events to, and signed with what (SDK
 * `resources/webhooks/webhooks.ts`). Every method throws `ApiError`, or `Later` when Dodo asks us to slow down.
 */
export function createDodoAccount(options: Parameters<typeof sdkOptions>[0]) {
  const client = new DodoPayments(sdkOptions(options))

  /** Each once, however pages overlap or repeat: one that seems to be there twice would be removed. */
  const listEndpoints = async (): Promise<DodoEndpoint[]> => {
    const all = new Map<string, DodoEndpoint>()
    let iterator: string | null | undefined
    for (let page = 0; page < MAX_PAGES; page += 1) {
      const answer = await call('list the webhook endpoints', EndpointPage, () =>
        client.webhooks.list({ limit: PAGE_SIZE, ...(iterator && { iterator }) }),
      )
      const known = all.size
      for (const one of answer.data) all.set(one.id, one)
      if (answer.done !== false || !answer.iterator || all.size === known) break
      iterator = answer.iterator
    }
    return [...all.values()]
  }

  /** `key` lets the same call be made again when its answer was lost: Dodo takes one in the body of this route alone. */
  const createEndpoint = (fields: DodoEndpointFields, key: string) =>
    call('create a webhook endpoint', Endpoint, () =>
      client.webhooks.create({
        ...fields,
        filter_types: fields.filter_types as DodoPayments.WebhookEventType[],
        idempotency_key: key,
      }),
    )

  /** May be repeated. The secret stays. */
  const updateEndpoint = (dodoEndpointId: string, fields: DodoEndpointFields) =>
    call(`change webhook endpoint ${dodoEndpointId}`, Endpoint, () =>
      client.webhooks.update(encodeURIComponent(dodoEndpointId), {
        ...fields,
        filter_types: fields.filter_types as DodoPayments.WebhookEventType[],
      }),
    )

  const removeEndpoint = (dodoEndpointId: string) =>
    call(`remove webhook endpoint ${dodoEndpointId}`, z.unknown(), () =>
      client.webhooks.delete(encodeURIComponent(dodoEndpointId)),
    )

  /** What its deliveries are signed with: `whsec_` and base64. */
  const getSecret = (dodoEndpointId: string) =>
    call(`read the secret of webhook endpoint ${dodoEndpointId}`, Secret, () =>
      client.webhooks.retrieveSecret(encodeURIComponent(dodoEndpointId)),
    ).then(({ secret }) => secret)

  /** Everything that can be sold, as far as it is not archived. */
  const listProducts = () =>
    listAll('products', Product, (page) => client.products.list({ archived: false, ...page }))

  return { listEndpoints, createEndpoint, updateEndpoint, removeEndpoint, getSecret, listProducts }
}

/** A product with its price, as the list shows it. */
const Product = DodoProductRow.extend({
  name: z.string().nullish(),
  price_detail: z
    .object({ price: z.number().nullish(), pay_what_you_want: z.boolean().nullish() })
    .nullish(),
})

const EndpointPage = z.object({
  data: z.array(Endpoint),
  iterator: z.string().nullish(),
  done: z.boolean().nullish(),
})
const Secret = z.object({ secret: z.string() })
