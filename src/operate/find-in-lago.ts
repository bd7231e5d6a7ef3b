import type { Deps } from '../deps.ts'
import { ensureInvoice } from '../settle/load.ts'
import { note } from '../settle/timeline.ts'
import { wake } from '../wakes.ts'
import type { Outcome } from './audit.ts'
import { waitForLook } from './look-again.ts'

type Finding = Pick<Deps, 'db' | 'lago' | 'queue' | 'now'>

/** Asks Lago for an invoice that the ledger does not hold, by id or number, and takes it up if it is there. */
export async function findInLago(
  deps: Finding,
  idOrNumber: string,
  who: string,
): Promise<Outcome & { lagoInvoiceId?: string }> {
  const { db, lago, now } = deps
  const invoice =
    (await lago.findInvoice(idOrNumber)) ?? (await lago.findInvoiceByNumber(idOrNumber))
  if (!invoice) return { isDone: false, said: `Lago knows no invoice ${idOrNumber}` }
  const { lago_id: lagoInvoiceId } = invoice
  const at = now()
  await ensureInvoice(deps, lagoInvoiceId)
  await note(db, lagoInvoiceId, `looked up in Lago by ${who}`, at)
  await wake(deps, 'settle', [lagoInvoiceId], 'operator')
  return { isDone: true, said: await waitForLook(deps, lagoInvoiceId, at), lagoInvoiceId }
}
