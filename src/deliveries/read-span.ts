type Moments = { receivedAt: Date; replayedAt: Date | null; processedAt: Date | null }

/** Since when it waits to be read, or waited: one that is put through again waits anew. */
const waitsSince = ({ receivedAt, replayedAt }: Moments) => replayedAt ?? receivedAt
const readBy = ({ processedAt }: Moments) => processedAt?.getTime() ?? Number.POSITIVE_INFINITY

/** How long it waited to be read; null while it does. */
export const readAfterMs = (delivery: Moments): number | null =>
  delivery.processedAt && delivery.processedAt.getTime() - waitsSince(delivery).getTime()

/**
 * Which of an invoice's deliveries were being read at a moment. One look at a time is taken at it, so of those that
 * waited it is the ones that were done first: what came meanwhile was left to the next look.
 */
export function readAt<One extends Moments>(deliveries: readonly One[], at: Date): One[] {
  const waiting = deliveries.filter((one) => waitsSince(one) <= at && at.getTime() <= readBy(one))
  const first = Math.min(...waiting.map(readBy))
  return waiting.filter((one) => readBy(one) === first)
}
