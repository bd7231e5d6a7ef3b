import { isAnyOf } from '../db/any-of.ts'
import { receivables } from '../db/schema.ts'
import type { Deps } from '../deps.ts'
import type { Finding } from '../collect/sweep/report-found.ts'
import { alignColumns, count, type Write } from '../print/text.ts'

const POLL_MS = 100
/** Longer than any call to a service is waited for, so that this much silence means a backoff. */
const STALLED_MS = 45_000

/** A bridge, as far as it is asked. */
type Reconciling = {
  work: (options: { isAlone: boolean }) => Promise<void>
  sweep: (options: { isDryRun: boolean }) => Promise<{
    findings: Finding[]
    /** What Lago did not let it look at. */
    forbidden: string[]
  }>
  deps: Pick<Deps, 'db' | 'now'>
}
type Tell = { write: Write; progress: Write }
type Row = typeof receivables.$inferSelect

/** Sweeps once, settles what was found without waiting for a server, and tells what became of it. */
export async function reconcile(
  bridge: Reconciling,
  { isDryRun, stalledMs = STALLED_MS }: { isDryRun: boolean; stalledMs?: number },
  { write, progress }: Tell,
): Promise<number> {
  const startedAt = bridge.deps.now()
  const { findings: found, forbidden } = await bridge.sweep({ isDryRun })
  if (forbidden.length > 0)
    write(
      `Lago did not let the bridge look at ${forbidden.join(' and ')}: of those nothing is known.`,
    )
  if (found.length === 0) {
    const all = forbidden.length > 0 ? 'In the rest both ledgers agree' : 'Both ledgers agree'
    write(`${all}: nothing was found.`)
    return 0
  }
  const ids = [...new Set(found.flatMap(({ receivableId }) => receivableId ?? []))]
  const numbers = new Map(
    (await findRows(bridge, ids)).map((row) => [row.receivableId, row.number]),
  )
  write(`Found ${count(found.length, 'thing')}:`)
  for (const line of alignColumns(found.map((one) => describe(one, numbers)))) write(line)
  if (isDryRun) {
    write('Nothing was changed: this was a dry run.')
    return 0
  }
  await bridge.work({ isAlone: true })
  if (ids.length === 0) {
    write('None of it is about one invoice alone: it is in the queue, and worked from there.')
    return 0
  }
  const rows = await waitUntilSettled(bridge, { ids, startedAt, stalledMs }, progress)
  return tellOutcome(rows, { ids, startedAt }, write)
}

const describe = ({ receivableId, what }: Finding, numbers: Map<string, string | null>) => [
  receivableId === null ? 'no invoice' : (numbers.get(receivableId) ?? receivableId),
  what,
]

const findRows = async ({ deps: { db } }: Reconciling, ids: string[]): Promise<Row[]> =>
  ids.length > 0 ? db.select().from(receivables).where(isAnyOf(receivables.receivableId, ids)) : []

const isSettledSince = (startedAt: Date) => (row: Row) =>
  row.settledAt !== null && row.settledAt >= startedAt

/** Ends when all are settled, or when none has been for so long that the next run is a backoff away. */
async function waitUntilSettled(
  bridge: Reconciling,
  { ids, startedAt, stalledMs }: { ids: string[]; startedAt: Date; stalledMs: number },
  progress: Write,
): Promise<Row[]> {
  let settled = -1
  let progressedAtMs = performance.now()
  for (;;) {
    const rows = await findRows(bridge, ids)
    const now = rows.filter(isSettledSince(startedAt)).length
    if (now !== settled) {
      progress(`settled ${now} of ${ids.length}`)
      settled = now
      progressedAtMs = performance.now()
    }
    if (settled === ids.length || performance.now() - progressedAtMs > stalledMs) return rows
    await Bun.sleep(POLL_MS)
  }
}

/** Of orders nothing is said where there are none. */
function countEach(rows: readonly Row[]): string {
  const orders = rows.filter(({ kind }) => kind === 'order').length
  const invoices = rows.length - orders
  return [
    ...(invoices > 0 || orders === 0 ? [count(invoices, 'invoice')] : []),
    ...(orders > 0 ? [count(orders, 'order')] : []),
  ].join(' and ')
}

function tellOutcome(
  rows: readonly Row[],
  { ids, startedAt }: { ids: string[]; startedAt: Date },
  write: Write,
): number {
  const settled = rows.filter(isSettledSince(startedAt))
  const troubled = settled.filter(({ state }) => state === 'attention')
  const lines = alignColumns(
    settled.map(({ number, receivableId, state, reason }) => [
      number ?? receivableId,
      state,
      reason,
    ]),
  )
  write('')
  write(`${countEach(settled)} settled, ${troubled.length} of them need attention:`)
  for (const line of lines) write(line)
  const waiting = ids.filter((id) => !settled.some(({ receivableId }) => receivableId === id))
  if (waiting.length === 0) return 0
  write(`Not settled yet, to be tried again by a running bridge: ${waiting.join(', ')}`)
  return 1
}
