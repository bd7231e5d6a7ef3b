import { DeadlineExceeded } from '../deadline.ts'

export type CoalesceLimits = { maxItems: number; maxBytes: number }

type Waiting<Item, Result> = {
  item: Item
  bytes: number
  resolve: (result: Result) => void
  reject: (error: unknown) => void
}

/**
 * Lets concurrent callers share one commit: whoever waits when the previous commit returns goes
 * together. An idle caller waits for nobody. When a shared commit fails its items are committed one by
 * one, so that a bad one fails alone; when it hangs all are refused.
 */
export function createCoalescer<Item, Result>(
  commit: (items: Item[]) => Promise<Result[]>,
  { maxItems, maxBytes }: CoalesceLimits,
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
    try {
      const results = await commit(batch.map(({ item }) => item))
      for (const [index, { resolve }] of batch.entries()) resolve(results[index] as Result)
    } catch (error) {
      if (batch.length === 1 || error instanceof DeadlineExceeded) {
        for (const { reject } of batch) reject(error)
        return
      }
      for (const one of batch) await commitBatch([one])
    }
  }

  const add = (item: Item, bytes: number) =>
    new Promise<Result>((resolve, reject) => {
      waiting.push({ item, bytes, resolve, reject })
      if (!committing) void commitAll()
    })
  /** How many wait for the next commit. */
  return Object.assign(add, { waiting: () => waiting.length })
}
