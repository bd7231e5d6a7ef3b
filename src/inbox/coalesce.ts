import { DeadlineExceeded } from '../deadline.ts'

export type CoalesceOptions = {
  maxItems: number
  maxBytes: number
  /** Whether a failure is that item's own, which its neighbours do not share. */
  isOfOne?: (error: unknown) => boolean
}

type Waiting<Item, Result> = {
  item: Item
  bytes: number
  resolve: (result: Result) => void
  reject: (error: unknown) => void
}

/**
 * Lets concurrent callers share one commit: whoever waits when the previous commit returns goes
 * together. An idle caller waits for nobody. When a shared commit fails its items are committed one by
 * one, so that a bad one fails alone. When it hangs, or one fails for what would meet the others as well, all are
 * refused: one after the other they would wait longer than whoever has sent them.
 */
export function createCoalescer<Item, Result>(
  commit: (items: Item[]) => Promise<Result[]>,
  { maxItems, maxBytes, isOfOne = () => true }: CoalesceOptions,
) {
  const waiting: Waiting<Item, Result>[] = []
  let committing = false

  function takeBatch() {
    let bytes = 0
    let count = 0
    for (const { bytes: size } of waiting) {
      if (count > 0 && (count === maxItems || bytes + size > maxBytes)) break
      bytes += size
      count += 1
    }
    return waiting.splice(0, count)
  }

  async function commitAll() {
    committing = true
    while (waiting.length > 0) await commitBatch(takeBatch())
    committing = false
  }

  async function commitBatch(batch: Waiting<Item, Result>[]): Promise<void> {
    const failure = await commitTogether(batch)
    if (failure === undefined) return
    if (batch.length === 1 || failure.error instanceof DeadlineExceeded)
      return refuse(batch, failure.error)
    for (const [index, one] of batch.entries()) {
      const own = await commitTogether([one])
      if (own && !isOfOne(own.error)) return refuse(batch.slice(index), own.error)
      if (own) one.reject(own.error)
    }
  }

  async function commitTogether(batch: Waiting<Item, Result>[]) {
    try {
      const results = await commit(batch.map(({ item }) => item))
      for (const [index, { resolve }] of batch.entries()) resolve(results[index] as Result)
      return undefined
    } catch (error) {
      return { error }
    }
  }

  function refuse(batch: Waiting<Item, Result>[], error: unknown) {
    for (const { reject } of batch) reject(error)
  }

  const add = (item: Item, bytes: number) =>
    new Promise<Result>((resolve, reject) => {
      waiting.push({ item, bytes, resolve, reject })
      if (!committing) void commitAll()
    })
  /** How many wait for the next commit. */
  return Object.assign(add, { waiting: () => waiting.length })
}
