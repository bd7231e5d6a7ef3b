/** Without it a spreadsheet takes the letters for those of some old code page. */
export const BYTE_ORDER_MARK = '\uFEFF'

const NUMBER = /^-?\d+(\.\d+)?$/
/** What a spreadsheet would run as a formula; some skip blanks before they look. */
const FORMULA = /^\s*[=+\-@\t\r\uFF0B\uFF0D\uFF1D\uFF20]/

const harmless = (text: string) => (FORMULA.test(text) && !NUMBER.test(text) ? `'${text}` : text)

/** One cell as RFC 4180 has it, and as no spreadsheet runs it. */
function quoteCell(cell: string): string {
  const text = harmless(cell)
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}

/** A row as RFC 4180 has it; whoever writes it ends it with a line feed. */
export const asCsvLine = (cells: readonly (string | null)[]) =>
  `${cells.map((cell) => quoteCell(cell ?? '')).join(',')}\r`

/** Such rows, the first with a byte order mark. */
export const asCsvLines = (rows: readonly (readonly (string | null)[])[]) =>
  rows.map((cells, index) => `${index === 0 ? BYTE_ORDER_MARK : ''}${asCsvLine(cells)}`)
