import { asc, eq } from 'drizzle-orm'

import { ensureReceivable, type ReceivableRow } from '../../collect/load.ts'
import type { Executor } from '../../db/client.ts'
import { members, receivables } from '../../db/schema.ts'
import type { Deps } from '../../deps.ts'
import type { LagoPaymentRequest } from '../../lago/objects.ts'
import { findCollectSince } from './collect-since.ts'
import { memberOf, type Member } from './decide/members.ts'
import { asInvoice } from './invoice.ts'
import { loadInvoice } from './load-ledger.ts'
import { findInvoice } from './top-up.ts'

type Loading = Pick<Deps, 'db' | 'lago' | 'config' | 'now'>

/** Our row for a payment request and its invoices, made when we first hear of it. */
export async function ensureRequest(
  { db, now }: Pick<Loading, 'db' | 'now'>,
  request: LagoPaymentRequest,
): Promise<ReceivableRow> {
  const { lago_id: receivableId } = request
  const oldestFirst = request.invoices.toSorted((one, other) =>
    `${one.issuing_date} ${one.number}`.localeCompare(`${other.issuing_date} ${other.number}`),
  )
  return db.transaction(async (tx) => {
    const known = {
      receivableId,
      kind: 'payment_request' as const,
      payerKey: request.customer.external_id,
      currency: request.amount_currency,
    }
    const ensured = await ensureReceivable({ db: tx, now }, known)
    // Whoever named it as an invoice before we heard of it made it look like one.
    const row = { ...ensured, ...known }
    if (ensured.kind !== known.kind)
      await tx.update(receivables).set(known).where(eq(receivables.receivableId, receivableId))
    if (oldestFirst.length > 0)
      await tx
        .insert(members)
        .values(
          oldestFirst.map(({ lago_id: memberId }, position) => ({
            receivableId,
            memberId,
            position,
          })),
        )
        .onConflictDoNothing()
    return row
  })
}

/** The ids of its invoices, the oldest first. */
export const memberIds = (db: Executor, receivableId: string) =>
  db
    .select()
    .from(members)
    .where(eq(members.receivableId, receivableId))
    .orderBy(asc(members.position))
    .then((rows) => rows.map(({ memberId }) => memberId))

/** Its invoices as Lago and our ledger have them now. */
export async function loadMembers(
  deps: Loading,
  { receivableId }: Pick<ReceivableRow, 'receivableId'>,
): Promise<Member[]> {
  const loaded: Member[] = []
  const collectSince = await findCollectSince(deps)
  for (const lagoInvoiceId of await memberIds(deps.db, receivableId)) {
    await ensureReceivable(deps, { receivableId: lagoInvoiceId })
    const invoice = await findInvoice(deps, lagoInvoiceId)
    const { ledger } = await loadInvoice(deps, lagoInvoiceId)
    const seen = invoice && { ...asInvoice(invoice), number: invoice.number }
    loaded.push(memberOf(seen, ledger, deps.now(), { collectSince }))
  }
  return loaded
}
