import type { Deps } from '../deps.ts'
import type { DodoRefund } from '../dodo/objects.ts'
import type { LagoCreditNoteRow } from '../lago/objects.ts'
import type { Entry } from './compare-ledgers.ts'
import { readOwnRefunds } from './own-ledger.ts'
import type { Period } from './period.ts'

type Reading = Pick<Deps, 'db' | 'dodo' | 'lago'>
type PaymentOfOurs = { currency: string; metadata: Record<string, string> }
type FindPayment = (dodoPaymentId: string) => Promise<PaymentOfOurs | undefined>

/** The refunds of the period, each beside the credit note that it became. */
export async function readRefundEntries(
  deps: Reading,
  period: Period,
  findPaymentOfOurs: FindPayment,
): Promise<Entry[]> {
  const { byRefund, inPeriod } = await readCreditNotes(deps, period)
  const listed = await deps.dodo.listRefundsSince(period.from, period.until)
  const inDodo = new Map(listed.map((refund) => [refund.refund_id, refund]))
  const succeeded = listed.filter(({ status }) => status === 'succeeded')
  const ids = new Set([
    ...succeeded.map(({ refund_id }) => refund_id),
    ...inPeriod,
    ...(await readOwnRefunds(deps, { period })).keys(),
  ])
  const own = await readOwnRefunds(deps, { ids: [...ids] })

  const entries: Entry[] = []
  for (const id of ids) {
    const notes = byRefund.get(id) ?? []
    const known = own.get(id)
    const dodoPaymentId = inDodo.get(id)?.payment_id ?? known?.dodoPaymentId ?? paymentOf(notes)
    if (!dodoPaymentId) continue
    const refund = inDodo.get(id) ?? (await findRefund(deps, dodoPaymentId, id))
    const isOutside =
      refund && (refund.created_at < period.from || refund.created_at > period.until)
    const payment = await findPaymentOfOurs(dodoPaymentId)
    if (isOutside || (!payment && !known?.lagoInvoiceId && notes.length === 0)) continue
    const madeAt = refund?.created_at ?? known?.madeAt ?? notes[0]?.created_at
    if (!madeAt) continue
    entries.push({
      kind: 'refund',
      dodoPaymentId,
      dodoRefundId: id,
      lagoInvoiceId:
        known?.lagoInvoiceId ??
        payment?.metadata['lago_invoice_id'] ??
        notes[0]?.lago_invoice_id ??
        null,
      invoiceNumber: known?.invoiceNumber ?? payment?.metadata['lago_invoice_number'] ?? null,
      madeAt,
      dodo: asMoney(refund, payment),
      lago: asLagoSide(notes),
      knowledge: known?.knowledge ?? { is: 'unknown' },
    })
  }
  return entries
}

async function readCreditNotes({ lago }: Reading, { from, until }: Period) {
  const byRefund = new Map<string, LagoCreditNoteRow[]>()
  const inPeriod = new Set<string>()
  for (const note of await lago.listAllCreditNotes()) {
    const dodoRefundId = note.metadata?.['dodo_refund_id']
    if (!dodoRefundId) continue
    byRefund.set(dodoRefundId, [...(byRefund.get(dodoRefundId) ?? []), note])
    if (note.created_at >= from && note.created_at <= until) inPeriod.add(dodoRefundId)
  }
  return { byRefund, inPeriod }
}

const paymentOf = (notes: LagoCreditNoteRow[]) => notes[0]?.metadata?.['dodo_payment_id']

/** For a refund that Dodo does not list in the period, though Lago or we hold it there. */
async function findRefund({ dodo }: Reading, dodoPaymentId: string, dodoRefundId: string) {
  const payment = await dodo.findPayment(dodoPaymentId)
  return payment?.refunds.find(({ refund_id }) => refund_id === dodoRefundId)
}

function asMoney(refund: DodoRefund | undefined, payment: PaymentOfOurs | undefined) {
  if (refund?.status !== 'succeeded') return null
  return { amount: refund.amount ?? 0, currency: refund.currency ?? payment?.currency ?? '???' }
}

function asLagoSide(notes: LagoCreditNoteRow[]): Entry['lago'] {
  const [first] = notes
  if (!first) return null
  const amount = notes.reduce((total, note) => total + note.refund_amount_cents, 0)
  const { lago_id: id, currency } = first
  return { id, amount, currency, times: notes.length, isByStatus: false }
}
