import { eq } from 'drizzle-orm'

import { receivables } from '../../../db/schema.ts'
import type { Deps } from '../../../deps.ts'
import type { MetadataEntry } from '../decide/invoice.ts'
import { mergeMetadata } from '../decide/metadata.ts'
import { Failing, PermanentError, reasonOf, type ApiError } from '../../../errors.ts'
import { isJustRead } from '../../../lago/just-read.ts'
import type { LagoInvoice } from '../../../lago/objects.ts'
import { asInvoice } from '../invoice.ts'
import { note } from '../../../collect/timeline.ts'
import { isRefused } from '../../../collect/unknown-outcome.ts'

/** How long a copy of Lago's database may lag. */
const OUTDATED_MS = 2_000

type Marking = Pick<Deps, 'db' | 'lago' | 'log' | 'now'>

/** Sets the payment status in Lago, which is idempotent there. */
export async function markInvoice(
  { db, lago, log, now }: Marking,
  invoice: LagoInvoice,
  paymentStatus: 'succeeded' | 'failed',
): Promise<LagoInvoice> {
  const updated = await lago.updateInvoice(invoice.lago_id, { payment_status: paymentStatus })
  await note(db, invoice.lago_id, `marked ${paymentStatus} in Lago`, now())
  log.info({ receivableId: invoice.lago_id, paymentStatus }, 'invoice marked')
  return updated
}

/** Lago's word for money that was taken back by a bank. It is told once: a repeated call repeats the event. */
export async function loseDispute(
  { db, lago, log, now }: Marking,
  { lago_id }: LagoInvoice,
  dodoDisputeId: string,
): Promise<void> {
  await lago.release.known()
  if (!lago.can('lost_disputes')) throw cannotBeTold(dodoDisputeId)
  try {
    await lago.loseDispute(lago_id)
  } catch (error) {
    // Without the route the invoice is there all the same, and asking again would end the same.
    const isThere = isRefused(error) && error.status === 404 && (await lago.findInvoice(lago_id))
    if (!isThere) throw error
    lago.release.showLacking('lost_disputes')
    throw cannotBeTold(dodoDisputeId)
  }
  await note(db, lago_id, `dispute ${dodoDisputeId} marked as lost in Lago`, now())
  log.warn({ receivableId: lago_id, dodoDisputeId }, 'dispute lost')
}

const cannotBeTold = (dodoDisputeId: string) =>
  new PermanentError(
    `dispute ${dodoDisputeId} was lost, and this Lago cannot be told: it knows lost disputes since 1.1.1`,
  )

/**
 * Adds our entries to the invoice's metadata, as it was read just now, because Lago deletes every entry it is not told
 * to keep.
 */
export async function writeMetadata(
  { db, lago, now }: Marking,
  invoice: LagoInvoice,
  entries: readonly MetadataEntry[],
): Promise<LagoInvoice | undefined> {
  const fresh = isJustRead(invoice) ? invoice : await lago.findInvoice(invoice.lago_id)
  const metadata = fresh && mergeMetadata(asInvoice(fresh).metadata, entries)
  if (!metadata) return fresh
  try {
    return await lago.updateInvoice(invoice.lago_id, { metadata })
  } catch (error) {
    if (!isRefused(error) || error.status !== 422) throw error
    if (await isOutdated({ lago }, fresh, error))
      throw new Failing(
        `Lago's metadata of invoice ${invoice.lago_id} is another than it showed`,
        new Date(now().getTime() + OUTDATED_MS),
      )
    await rememberRefusal({ db, now }, invoice.lago_id, reasonOf(error))
    return fresh
  }
}

/** Whether the refusal is about what was read, which was older than what Lago holds, and not about what was written. */
async function isOutdated(
  { lago }: Pick<Marking, 'lago'>,
  { lago_id, metadata }: LagoInvoice,
  { detail }: ApiError,
): Promise<boolean> {
  // Only what was not shown to be there can have been sent as new.
  if (detail.includes('value_already_exist')) return true
  const again = await lago.findInvoice(lago_id)
  return again !== undefined && !Bun.deepEquals(again.metadata, metadata)
}

/** The metadata is a convenience: an invoice is collected, paid and credited without it all the same. */
async function rememberRefusal(
  { db, now }: Pick<Deps, 'db' | 'now'>,
  receivableId: string,
  metadataRefusal: string,
) {
  await db.transaction(async (tx) => {
    await tx
      .update(receivables)
      .set({ metadataRefusal })
      .where(eq(receivables.receivableId, receivableId))
    await note(tx, receivableId, `Lago does not take our metadata: ${metadataRefusal}`, now())
  })
}
