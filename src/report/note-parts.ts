import { isSupportedCurrency, toBooksMinor } from '../collect/money.ts'
import type { DodoRefund } from '../dodo/objects.ts'
import type { LagoCreditNoteRow } from '../lago/objects.ts'

export type Note = LagoCreditNoteRow & { refundIds: readonly string[] }

/** How much of a credit note is for which refund, in Lago's minor units; null where none gave it back. */
export type NotePart = { note: Note; dodoRefundId: string | null; amount: number }

/** A note of ours names the refund it came from; one of the merchant's all that carried it out. */
export const namedRefunds = ({ metadata }: Pick<LagoCreditNoteRow, 'metadata'>): string[] =>
  (metadata?.['dodo_refund_id'] ?? '')
    .split(',')
    .map((id) => id.trim())
    .filter((id) => id !== '')

/**
 * Divides a credit note over the refunds that it names. What none of them gave back is still owed, unless
 * Lago says that all of it was refunded, or it is no more than `roundings` may have moved.
 */
export function divideNote(
  note: Note,
  refunds: ReadonlyMap<string, DodoRefund | undefined>,
  roundings: number,
): NotePart[] {
  const parts: (NotePart & { dodoRefundId: string })[] = []
  let rest = note.refund_amount_cents
  for (const dodoRefundId of note.refundIds) {
    const amount = Math.min(rest, asLago(refunds.get(dodoRefundId), note.currency))
    if (amount <= 0) continue
    parts.push({ note, dodoRefundId, amount })
    rest -= amount
  }
  if (rest === 0) return parts
  const last = parts.at(-1)
  const isSaidToBeBack = note.refund_status === 'succeeded' || rest <= roundings
  if (last && isSaidToBeBack) last.amount += rest
  if (last && isSaidToBeBack) return parts
  const failed = last ? undefined : note.refundIds.at(-1)
  return [...parts, { note, dodoRefundId: failed ?? null, amount: rest }]
}

function asLago(refund: DodoRefund | undefined, currency: string): number {
  if (refund?.status !== 'succeeded' || refund.amount === null) return 0
  return isSupportedCurrency(currency)
    ? (toBooksMinor(refund.amount, currency) ?? 0)
    : refund.amount
}
