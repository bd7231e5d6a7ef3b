import type { World } from '../test/support/world.ts'

/** What there was in a world, by the books of both services and not by what the bridge says of itself. */
export type Counted = ReturnType<typeof nothingCounted>

export const nothingCounted = () => ({
  invoices: 0,
  payments: 0,
  'minor units paid': 0,
  refunds: 0,
  'calls of the bridge': 0,
  'calls that create something': 0,
  'calls spoilt or not answered': 0,
  'deliveries sent': 0,
  'deliveries lost': 0,
  'deliveries doubled': 0,
  'deliveries refused': 0,
  'deliveries acknowledged': 0,
  'looks of the oracle': 0,
})

/** Adds what there was in one world. */
export function countWorld(counts: Counted, { lago, dodo, watch }: World) {
  const paid = [...dodo.store.payments.values()].filter(({ status }) => status === 'succeeded')
  counts.invoices += lago.store.invoices.size
  counts.payments += paid.length
  counts['minor units paid'] += paid.reduce((sum, one) => sum + one.total_amount, 0)
  counts.refunds += dodo.store.refunds.size
  counts['calls of the bridge'] += watch.counts.requests
  counts['calls that create something'] += watch.counts.creations
  counts['calls spoilt or not answered'] += watch.counts.unanswered
  counts['deliveries acknowledged'] += watch.counts.acknowledged
  counts['looks of the oracle'] += watch.looks()
  for (const { courier } of [lago, dodo])
    for (const what of ['sent', 'lost', 'doubled', 'refused'] as const)
      counts[`deliveries ${what}`] += courier.counts[what]
}
