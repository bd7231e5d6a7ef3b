import type { Logger } from 'pino'

const MAX_REMEMBERED = 10_000

export type UnreadableRows = ReturnType<typeof createUnreadableRows>

/** Rows of lists that nobody can read are left out, said once each, and counted: they do not hide the others. */
export function createUnreadableRows(log?: Pick<Logger, 'warn'>) {
  const seen = new Set<string>()

  function skip(list: string, row: unknown, problem: string) {
    const id = idOf(row)
    const key = `${list} ${id} ${problem}`
    if (seen.has(key) || seen.size >= MAX_REMEMBERED) return
    seen.add(key)
    log?.warn({ list, lagoId: id, problem }, 'a row of Lago cannot be read and is left out')
  }

  return { skip, count: () => seen.size }
}

function idOf(row: unknown): string {
  const isObject = typeof row === 'object' && row !== null
  const id = isObject ? (row as Record<string, unknown>)['lago_id'] : undefined
  return typeof id === 'string' ? id.slice(0, 100) : 'unknown'
}
