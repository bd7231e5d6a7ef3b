import { BYTE_ORDER_MARK, quoteCell } from '../../report/csv.ts'
import type { Listing } from '../../report/dashboard/list-invoices.ts'
import type { DashboardContext } from './show.tsx'

/** No spreadsheet is worked through that holds more; what is beyond can be had by narrowing the list. */
const MAX_ROWS = 10_000
const ROWS_AT_ONCE = 500

/** Whether the list is asked for as a file: the same address, with `as=csv`. */
export const asCsvAsked = (c: DashboardContext) => c.req.query('as') === 'csv'

/** A list from its beginning, page by page, up to ten thousand rows. */
export async function readAll<Item>(
  list: (before: string | undefined, limit: number) => Promise<Listing<Item>>,
): Promise<Item[]> {
  const all: Item[] = []
  let before: string | undefined
  do {
    const { items, next } = await list(before, ROWS_AT_ONCE)
    all.push(...items)
    before = next
  } while (before !== undefined && all.length < MAX_ROWS)
  return all.slice(0, MAX_ROWS)
}

/** Rows as a file: UTF-8 with a byte order mark, CRLF, RFC 4180. */
export function answerCsv(
  c: DashboardContext,
  name: string,
  columns: readonly string[],
  rows: readonly (readonly (string | null)[])[],
): Response {
  const lines = [columns, ...rows].map(
    (cells) => `${cells.map((cell) => quoteCell(cell ?? '')).join(',')}\r\n`,
  )
  return c.body(`${BYTE_ORDER_MARK}${lines.join('')}`, 200, {
    'Content-Type': 'text/csv; charset=utf-8',
    'Content-Disposition': `attachment; filename="${name}.csv"`,
  })
}
