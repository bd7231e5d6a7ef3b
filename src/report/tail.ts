import { and, asc, eq, gt, max } from 'drizzle-orm'

import type { Database } from '../db/client.ts'
import { receivables, timeline } from '../db/schema.ts'
import type { Deps } from '../deps.ts'
import type { Write } from '../print/text.ts'

const LOOK_MS = 1_000
const MAX_LINES = 1_000
/** Lines that were begun earlier may be committed later: so far back is looked again, and said once. */
const LOOK_BACK = 200

type Given = {
  /** Only of this invoice: its id or its number. */
  invoice?: string | undefined
  isJson: boolean
}

/** The timeline as it grows, over all invoices, until the process is interrupted. The exit code is 1 for an unknown invoice. */
export async function tail(
  { db }: Pick<Deps, 'db'>,
  { invoice, isJson }: Given,
  write: Write,
): Promise<number> {
  const receivableId = invoice === undefined ? undefined : await findId(db, invoice)
  if (invoice !== undefined && receivableId === undefined) {
    write(`The bridge does not know an invoice ${invoice}.`)
    return 1
  }
  const [newest] = await db.select({ id: max(timeline.id) }).from(timeline)
  const first = newest?.id ?? 0
  const said = new Set<number>()
  let last = first
  for (;;) {
    const lines = await read(db, Math.max(first, last - LOOK_BACK), receivableId)
    for (const line of lines) {
      if (said.has(line.id)) continue
      said.add(line.id)
      last = Math.max(last, line.id)
      write(isJson ? JSON.stringify(line) : describe(line))
    }
    for (const id of said) if (id < last - LOOK_BACK) said.delete(id)
    await Bun.sleep(LOOK_MS)
  }
}

type Line = Awaited<ReturnType<typeof read>>[number]

const describe = ({ at, number, receivableId, what }: Line) =>
  `${at.toISOString().slice(0, 19).replace('T', ' ')}  ${number ?? receivableId}  ${what}`

async function findId(db: Database, idOrNumber: string): Promise<string | undefined> {
  const row = await db.query.receivables.findFirst({
    columns: { receivableId: true },
    where: (one, { eq: is, or }) =>
      or(is(one.receivableId, idOrNumber), is(one.number, idOrNumber)),
  })
  return row?.receivableId
}

const read = (db: Database, after: number, receivableId: string | undefined) =>
  db
    .select({
      id: timeline.id,
      at: timeline.at,
      receivableId: timeline.receivableId,
      number: receivables.number,
      what: timeline.what,
    })
    .from(timeline)
    .leftJoin(receivables, eq(receivables.receivableId, timeline.receivableId))
    .where(
      and(
        gt(timeline.id, after),
        receivableId === undefined ? undefined : eq(timeline.receivableId, receivableId),
      ),
    )
    .orderBy(asc(timeline.id))
    .limit(MAX_LINES)
