import { asCsvLine, BYTE_ORDER_MARK } from '../../report/csv.ts'
import type { Listing } from '../../db/cursor.ts'
import type { DashboardContext } from './show.tsx'

const ROWS_AT_ONCE = 500
type Cells = readonly (string | null)[]

/** Whether the list is asked for as a file: the same address, with `as=csv`. */
export const asCsvAsked = (c: DashboardContext) => c.req.query('as') === 'csv'

/** A list from its beginning to its end, page by page, as fast as they are taken. */
export async function* readAll<Item>(
  list: (before: string | undefined, limit: number) => Promise<Listing<Item>>,
  asRows: (items: Item[]) => Cells[],
): AsyncGenerator<Cells[]> {
  let before: string | undefined
  do {
    const { items, next } = await list(before, ROWS_AT_ONCE)
    yield asRows(items)
    before = next
  } while (before !== undefined)
}

/**
 * Rows as a file: UTF-8 with a byte order mark, CRLF, RFC 4180. However many there are, a page of them is in memory. What
 * cannot be read on the way breaks the answer off, so that no half of a file passes for the whole.
 */
export async function answerCsv(
  c: DashboardContext,
  name: string,
  columns: readonly string[],
  pages: AsyncGenerator<Cells[]> | readonly Cells[][],
): Promise<Response> {
  const texts = textsOf(columns, pages)
  // Nothing has been answered yet: what fails here is answered as of any other page.
  const { value: beginning = '' } = await texts.next()
  const encoder = new TextEncoder()
  let text: string | undefined = beginning
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      if (text === undefined) {
        controller.close()
        return
      }
      controller.enqueue(encoder.encode(text))
      const { value, done } = await texts.next()
      text = done ? undefined : value
    },
    cancel: async () => void (await texts.return(undefined)),
  })
  return c.body(body, 200, headersOf(name))
}

async function* textsOf(
  columns: readonly string[],
  pages: AsyncGenerator<Cells[]> | readonly Cells[][],
): AsyncGenerator<string, undefined> {
  let before = `${BYTE_ORDER_MARK}${lineOf(columns)}`
  for await (const rows of pages) {
    yield `${before}${rows.map(lineOf).join('')}`
    before = ''
  }
  if (before !== '') yield before
}

const lineOf = (cells: Cells) => `${asCsvLine(cells)}\n`

/** A file of lines that are written as CSV already. */
export const answerLines = (c: DashboardContext, name: string, lines: readonly string[]) =>
  c.body(lines.map((line) => `${line}\n`).join(''), 200, headersOf(name))

const headersOf = (name: string) => ({
  'Content-Type': 'text/csv; charset=utf-8',
  'Content-Disposition': `attachment; filename="${name}.csv"`,
})
