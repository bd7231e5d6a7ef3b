/** Takes one line of what a command tells. */
export type Write = (line: string) => void

/** Rows as lines with aligned columns, for a terminal, whatever script they are in. Columns named in `numeric` are aligned to the right. */
export function alignColumns(
  rows: readonly (readonly string[])[],
  { indent = '  ', numeric = [] }: { indent?: string; numeric?: readonly number[] } = {},
): string[] {
  const widths: number[] = []
  for (const row of rows) {
    for (const [column, text] of row.entries()) {
      widths[column] = Math.max(widths[column] ?? 0, Bun.stringWidth(text))
    }
  }
  return rows.map((row) => {
    const cells = row.map((text, column) => {
      const fill = ' '.repeat((widths[column] ?? 0) - Bun.stringWidth(text))
      return numeric.includes(column) ? `${fill}${text}` : `${text}${fill}`
    })
    return `${indent}${cells.join('  ')}`.trimEnd()
  })
}

/** A title with rows below it; nothing at all without rows. */
export const section = (title: string, rows: readonly (readonly string[])[]): string[] =>
  rows.length > 0 ? ['', title, ...alignColumns(rows)] : []

/** "1 payment", "2 payments"; `several` where an s is not enough. */
export const count = (number: number, noun: string, several = `${noun}s`) =>
  `${number} ${number === 1 ? noun : several}`
