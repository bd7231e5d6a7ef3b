import { asc, eq } from 'drizzle-orm'

import { receivables } from '../db/schema.ts'
import type { Deps } from '../deps.ts'
import { listAttention as listInFull, type Attention } from './dashboard/attention.ts'
import { alignColumns, count, type Write } from '../print/text.ts'

/** So many are read at once. */
const PAGE_ITEMS = 2_000

/** Lists all that a person must look at, with the reason. The exit code is 1 if there is anything. */
export async function listAttention(
  { db }: Pick<Deps, 'db'>,
  write: Write,
  { isJson = false }: { isJson?: boolean } = {},
): Promise<number> {
  if (isJson) return listAsJson(db, write)
  const troubled = await db
    .select()
    .from(receivables)
    .where(eq(receivables.state, 'attention'))
    .orderBy(asc(receivables.kind), asc(receivables.createdAt))
  if (troubled.length === 0) {
    write('Nothing needs attention.')
    return 0
  }
  write(`${count(troubled.length, 'thing')} that a person must look at:`)
  const rows = troubled.map((row) => [nameOf(row), row.payerKey ?? 'no customer', row.reason])
  for (const line of alignColumns(rows)) write(line)
  return 1
}

async function listAsJson(db: Deps['db'], write: Write): Promise<number> {
  const items: Attention[] = []
  let next: string | undefined
  do {
    const page = await listInFull(db, { before: next, limit: PAGE_ITEMS })
    items.push(...page.items)
    next = page.next
  } while (next !== undefined)
  write(JSON.stringify(items, undefined, 2))
  return items.length === 0 ? 0 : 1
}

const nameOf = ({ kind, number, receivableId }: typeof receivables.$inferSelect) =>
  kind === 'payment_request' ? `payment request ${receivableId}` : (number ?? receivableId)
