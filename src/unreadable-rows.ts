import type { Logger } from 'pino'

const MAX_REMEMBERED = 10_000

export type UnreadableRows = ReturnType<typeof createUnreadableRows>

/** How the rows of a service's lists are called. */
const IDS = {
  Lago: ['lago_id'],
  Dodo: ['payment_id', 'refund_id', 'dispute_id', 'subscription_id'],
} as const
type Service = keyof typeof IDS

/** Rows of lists that nobody can read are left out, said once each, and counted: they do not hide the others. */
export function createUnreadableRows(service: Service, log?: Pick<Logger, 'warn'>) {
  const seen = new Set<string>()

  function skip(list: string, row: unknown, problem: string) {
    const id = idOf(service, row)
    const key = `${list} ${id} ${problem}`
    if (seen.has(key) || seen.size >= MAX_REMEMBERED) return
    seen.add(key)
    log?.warn({ list, id, problem }, `a row of ${service} cannot be read and is left out`)
  }

  return { skip, count: () => seen.size }
}

function idOf(service: Service, row: unknown): string {
  if (typeof row !== 'object' || row === null) return 'unknown'
  // A refund or a dispute has the id of its payment beside its own, which is the last of these.
  const ids = IDS[service].map((name) => (row as Record<string, unknown>)[name])
  const id = ids.findLast((one) => typeof one === 'string')
  return typeof id === 'string' ? id.slice(0, 100) : 'unknown'
}
