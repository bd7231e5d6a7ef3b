import { z } from 'zod'

import type { Allowance } from './progress.ts'

const PAGE_SIZE = 100
/** Dodo cuts off deep pages, and rows shift while they are read: a slice of time with more is cut smaller. */
const MAX_PAGES = 20
const MIN_SPAN_MS = 1_000

/** How far a stretch of time has been read: everything from `at` to `until`. Epochs in milliseconds. */
export const Stretch = z.object({
  from: z.number(),
  until: z.number(),
  at: z.number(),
  spanMs: z.number(),
})
export type Stretch = z.infer<typeof Stretch>

export const isRead = ({ at, from }: Stretch) => at <= from

/** A stretch of which nothing is read. The slices are as long as they were good for last time. */
export const openStretch = (from: number, until: number, before?: Stretch): Stretch => ({
  from,
  until,
  at: until,
  spanMs: before ? Math.max(before.spanMs, MIN_SPAN_MS) : Math.max(until - from, MIN_SPAN_MS),
})

type Reading = {
  /**
   * Takes in a page, counted from 0, of what was made between two moments, both included, and tells how many rows
   * it had. It may be asked for the same one again.
   */
  readPage: (from: Date, until: Date, page: number) => Promise<number>
  /** Called after every slice, so that no more than one is ever read twice. */
  save: (stretch: Stretch) => Promise<void>
  allowance: Allowance & { spend: () => void }
}

/**
 * Reads a list of Dodo's from the newest to the oldest, in slices of time that adapt to how much there is: it
 * relies neither on an order of the rows nor on deep pages, and can be gone on with at any slice.
 */
export async function readStretch(
  begun: Stretch,
  { readPage, save, allowance }: Reading,
): Promise<Stretch> {
  let stretch = begun
  while (!isRead(stretch) && allowance.mayGoOn()) {
    const start = Math.max(stretch.from, stretch.at - stretch.spanMs)
    const pages = await readSlice(start, stretch)
    if (pages === undefined) {
      stretch = { ...stretch, spanMs: Math.max(Math.floor((stretch.at - start) / 8), MIN_SPAN_MS) }
      await save(stretch)
      continue
    }
    const isSparse = pages * 4 <= MAX_PAGES
    stretch = { ...stretch, at: start, spanMs: stretch.spanMs * (isSparse ? 2 : 1) }
    await save(stretch)
  }
  return stretch

  /** How many pages there were; undefined when there are too many. */
  async function readSlice(start: number, { at }: Stretch): Promise<number | undefined> {
    const isDivisible = at - start > MIN_SPAN_MS
    for (let page = 0; ; page += 1) {
      if (isDivisible && page === MAX_PAGES) return undefined
      allowance.spend()
      const rows = await readPage(new Date(start), new Date(at), page)
      if (rows < PAGE_SIZE) return page + 1
    }
  }
}
