import { eq, or } from 'drizzle-orm'

import { dismissals, receivables } from '../../db/schema.ts'
import type { Deps } from '../../deps.ts'
import { findTroubles } from './decide/assess.ts'
import { findCollectSince } from './collect-since.ts'
import { isFreeLicense } from './license.ts'
import type { ReceivableRow } from '../../collect/load.ts'
import { asInvoice } from './invoice.ts'
import { loadInvoice } from './load-ledger.ts'
import { note } from '../../collect/timeline.ts'
import { findInvoice } from './top-up.ts'
import { wake } from '../../wakes.ts'

type Dismissing = Pick<Deps, 'db' | 'lago' | 'config' | 'queue' | 'now'>
type Write = (line: string) => void

/**
 * Puts aside what only a person can decide, once they have: the very reason that is shown. Any other reason for
 * attention, and the same about other money, is shown as before. The exit code is returned.
 */
export async function dismiss(
  deps: Dismissing,
  idOrNumber: string,
  { isUndo, write, who = 'a person' }: { isUndo: boolean; write: Write; who?: string },
): Promise<number> {
  const [row] = await deps.db
    .select()
    .from(receivables)
    .where(or(eq(receivables.receivableId, idOrNumber), eq(receivables.number, idOrNumber)))
  if (!row) {
    write(`The bridge does not know an invoice ${idOrNumber}.`)
    return 1
  }
  if (isUndo) return undo(deps, row, { write, who })
  const reason = row.state === 'attention' ? await findShown(deps, row) : undefined
  if (reason === undefined) {
    write(`${nameOf(row)} is ${row.state}: ${row.reason}`)
    write('That is not for a person to put aside.')
    return 1
  }
  const at = deps.now()
  await deps.db.transaction(async (tx) => {
    await tx
      .insert(dismissals)
      .values({ receivableId: row.receivableId, reason, dismissedAt: at })
      .onConflictDoNothing()
    await note(tx, row.receivableId, `put aside by ${who}: ${reason}`, at)
  })
  await wake(deps, 'settle', [row.receivableId], 'operator')
  write(`Put aside: ${reason}`)
  return 0
}

const nameOf = ({ kind, number, receivableId }: ReceivableRow) =>
  kind === 'order' ? `Order ${receivableId}` : `Invoice ${number ?? receivableId}`

/** Of an order, what only a person can decide: money that is here or gone, and who could not be told. */
const OF_ORDERS = /^(?:held_.+|refund_failed|dispute_lost|untold|subscription_.+)$/

/** The reason that is shown, if it is one of those that a person decides about; what it would be just now. */
async function findShown(deps: Dismissing, row: ReceivableRow): Promise<string | undefined> {
  if (row.kind === 'order') return OF_ORDERS.test(row.reasonCode ?? '') ? row.reason : undefined
  const invoice = await findInvoice(deps, row.receivableId)
  if (!invoice) return undefined
  const { ledger } = await loadInvoice(deps, row.receivableId)
  const { duplicatePayments, voidPayments } = deps.config
  const policy = {
    duplicatePayments,
    voidPayments,
    isFreeLicense: await isFreeLicense(deps, 'credit_notes'),
    collectSince: await findCollectSince(deps),
  }
  return findTroubles(asInvoice(invoice), ledger, policy).find(
    ({ reason }) => reason === row.reason,
  )?.reason
}

async function undo(
  deps: Dismissing,
  row: ReceivableRow,
  { write, who }: { write: Write; who: string },
): Promise<number> {
  const { receivableId } = row
  const undone = await deps.db.transaction(async (tx) => {
    const rows = await tx
      .delete(dismissals)
      .where(eq(dismissals.receivableId, receivableId))
      .returning()
    for (const { reason } of rows)
      await note(tx, receivableId, `not put aside any more, by ${who}: ${reason}`, deps.now())
    return rows
  })
  await wake(deps, 'settle', [receivableId], 'operator')
  for (const { reason } of undone) write(`Shown again: ${reason}`)
  if (undone.length === 0) write(`Nothing of ${nameOf(row)} was put aside.`)
  return 0
}
