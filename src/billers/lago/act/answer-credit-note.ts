import { eq } from 'drizzle-orm'

import { creditNotes, credits } from '../../../db/schema.ts'
import type { Deps } from '../../../deps.ts'
import type { CreditNote, Payment } from '../../../collect/ledger.ts'
import { formatBooks, toBooksMinor } from '../../../collect/money.ts'
import type { LagoInvoice } from '../../../lago/objects.ts'
import { wantsRefund } from './observe-credit-note.ts'
import { note } from '../../../collect/timeline.ts'

/** Lago keeps this much of a value of a note's metadata. */
const MAX_VALUE_LENGTH = 255

/** The merchant may have taken care of the note meanwhile. */
export async function isStillWanted(
  { db, lago, now }: Pick<Deps, 'db' | 'lago' | 'now'>,
  { creditNoteId }: Pick<CreditNote, 'creditNoteId'>,
): Promise<boolean> {
  const fresh = await lago.findCreditNote(creditNoteId)
  if (fresh && wantsRefund(fresh)) return true
  await db
    .update(creditNotes)
    .set({ refundStatus: fresh?.refund_status ?? 'gone', observedAt: now() })
    .where(eq(creditNotes.creditNoteId, creditNoteId))
  return false
}

type Answer = {
  creditNote: CreditNote
  outcome: 'succeeded' | 'failed'
  reason: string | null
  refunds: readonly { payment: Payment; dodoRefundId: string; amount: number }[]
}

/** Tells Lago what became of the money that its credit note wanted given back, and with which refunds. */
export async function answerCreditNote(
  { db, lago, log, now }: Pick<Deps, 'db' | 'lago' | 'log' | 'now'>,
  invoice: LagoInvoice,
  { creditNote, outcome, reason, refunds }: Answer,
): Promise<void> {
  const { creditNoteId } = creditNote
  const metadata = {
    dodo_refund_id: join(refunds.map(({ dodoRefundId }) => dodoRefundId)),
    dodo_payment_id: join(refunds.map(({ payment }) => payment.dodoPaymentId)),
  }
  await lago.setRefundStatus(creditNoteId, outcome, refunds.length > 0 ? metadata : undefined)
  const at = now()
  await db.transaction(async (tx) => {
    await tx
      .update(creditNotes)
      .set({ refundStatus: outcome, reason, observedAt: at })
      .where(eq(creditNotes.creditNoteId, creditNoteId))
    for (const { payment, dodoRefundId, amount } of refunds) {
      const credited = {
        status: 'credited' as const,
        amount: toBooksMinor(amount, payment.currency) ?? creditNote.amount,
        refunded: toBooksMinor(amount, payment.currency) ?? creditNote.amount,
        creditNoteId,
        repeatableAt: at,
        creditedAt: at,
        toldAt: at,
      }
      await tx
        .insert(credits)
        .values({ dodoRefundId, receivableId: invoice.lago_id, ...credited })
        .onConflictDoUpdate({
          target: [credits.dodoRefundId, credits.receivableId, credits.sequence],
          set: credited,
        })
    }
    const money = formatBooks(creditNote.amount, invoice.currency)
    const what = `credit note ${creditNote.number ?? creditNoteId} of ${money}: refund ${outcome}${reason ? `: ${reason}` : ''}`
    await note(tx, invoice.lago_id, what, at)
  })
  log.info({ receivableId: invoice.lago_id, creditNoteId, outcome }, 'credit note answered')
}

/** As many ids as Lago has room for, whole. */
function join(ids: readonly string[]): string {
  let text = ''
  for (const id of new Set(ids)) {
    const longer = text === '' ? id : `${text},${id}`
    if (longer.length > MAX_VALUE_LENGTH) break
    text = longer
  }
  return text
}
