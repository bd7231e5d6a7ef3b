import type { Context } from 'hono'
import { z } from 'zod'
import { DodoRefusal } from '../store/refusal.ts'

const Paging = {
  page_size: z.coerce.number().int().min(1).max(100).default(10),
  page_number: z.coerce.number().int().min(0).default(0),
}

/**
 * Answers a list the way Dodo does: newest first, zero-based pages, no total. A filter that the
 * endpoint does not have is refused, so that a client cannot believe it filtered.
 */
export function answerList<Row extends { created_at: string }>(
  c: Context,
  rows: Iterable<Row>,
  filters: Record<string, (row: Row, wanted: string) => boolean>,
  /** Of lists whose pages are as long as another parameter says. */
  { sizeIn = 'page_size' }: { sizeIn?: 'page_size' | 'limit' } = {},
): Row[] {
  const shape = Object.fromEntries(Object.keys(filters).map((key) => [key, z.string().optional()]))
  const query = z
    .strictObject({ ...shape, ...Paging, ...(sizeIn === 'limit' && { limit: Paging.page_size }) })
    .safeParse(c.req.query())
  if (!query.success)
    throw new DodoRefusal(400, 'INVALID_QUERY_PARAMS', z.prettifyError(query.error))

  const { page_number: number } = query.data
  const { limit, page_size } = query.data as { limit?: number; page_size: number }
  const size = sizeIn === 'limit' ? (limit ?? 10) : page_size
  const wanted = Object.entries(filters).flatMap(([key, matches]) => {
    const value = c.req.query(key)
    return value === undefined ? [] : [(row: Row) => matches(row, value)]
  })
  return [...rows]
    .toReversed()
    .filter((row) => wanted.every((matches) => matches(row)))
    .slice(number * size, (number + 1) * size)
}

/** The two filters by age that nearly every list of Dodo's has. */
export const byAge = {
  created_at_gte: (row: { created_at: string }, wanted: string) =>
    Date.parse(row.created_at) >= instant(wanted),
  created_at_lte: (row: { created_at: string }, wanted: string) =>
    Date.parse(row.created_at) <= instant(wanted),
}

function instant(text: string): number {
  const ms = Date.parse(text)
  if (Number.isNaN(ms)) throw new DodoRefusal(400, 'INVALID_QUERY_PARAMS', `not a time: ${text}`)
  return ms
}
