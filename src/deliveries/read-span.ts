type Moments = { receivedAt: Date; replayedAt: Date | null; processedAt: Date | null }

/** Since when it waits to be read, or waited: one that is put through again waits anew. */
const waitsSince = ({ receivedAt, replayedAt }: Moments) => replayedAt ?? receivedAt

/** How long it waited to be read; null while it does. */
export const readAfterMs = (delivery: Moments): number | null =>
  delivery.processedAt && delivery.processedAt.getTime() - waitsSince(delivery).getTime()

/**
 * Whether something happened while a delivery was read: one look at a time is taken at an invoice, so what is written
 * down between a delivery's coming and its being read is what it made us do.
 */
export const isWhileRead = (delivery: Moments, at: Date): boolean =>
  at >= waitsSince(delivery) && (delivery.processedAt === null || at <= delivery.processedAt)
