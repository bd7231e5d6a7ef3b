import { z } from 'zod'

import type { HighlevelClient } from '../deps.ts'
import type { Recurrence } from '../decide/schedule.ts'
import { termsOf } from '../decide/terms.ts'

type Product = { productId?: string | undefined; priceId?: string | undefined; prices?: unknown }

/** The recurring data of a price, as requests carry it, or do not (HighLevel's issue 153). */
const Carried = z.looseObject({
  _id: z.string().optional(),
  recurring: z.looseObject({
    interval: z.enum(['day', 'week', 'month', 'year']),
    intervalCount: z.coerce.number().int().min(1).default(1),
  }),
  trialPeriod: z.coerce.number().int().min(0).nullish(),
  totalCycles: z.coerce.number().int().min(0).nullish(),
})

/** What HighLevel's own price says of how often it is charged; undefined when none of them recurs. */
export async function readTerms(
  client: HighlevelClient,
  products: readonly Product[],
): Promise<Recurrence | undefined> {
  for (const { productId, priceId } of products) {
    if (!productId || !priceId) continue
    const price = await client.findPrice(productId, priceId)
    const terms = price && termsOf(price)
    if (terms) return terms
  }
  return undefined
}

/** The same, as HighLevel's server says it in its request. */
export function carriedTerms(products: readonly Product[]): Recurrence | undefined {
  for (const { prices } of products) {
    if (!Array.isArray(prices)) continue
    for (const price of prices as unknown[]) {
      const { data } = Carried.safeParse(price)
      const terms = data && termsOf(data)
      if (terms) return terms
    }
  }
  return undefined
}
