import type { Deps } from '../deps.ts'
import type { DodoRefund } from '../dodo/objects.ts'
import type { LagoCreditNoteRow } from '../lago/objects.ts'
import type { Entry } from './compare-ledgers.ts'
import { asLagoEntry, asLagoSide, type Held } from './lago-side.ts'
import { divideNote, namedRefunds, type Note, type NotePart } from './note-parts.ts'
import {
  MADE_IN_DODO,
  readNotedRefunds,
  readOwedNotes,
  readOwnRefundParts,
  type OwnRefundPart,
} from './own-refunds.ts'
import type { Period } from './period.ts'

type Reading = Pick<Deps, 'db' | 'dodo' | 'lago'>
type PaymentOfOurs = { currency: string; metadata: Record<string, string> }
type FindPayment = (dodoPaymentId: string) => Promise<PaymentOfOurs | undefined>

/** The refunds of the period, each beside the credit notes that it became or carried out. */
export async function readRefundEntries(
  deps: Reading,
  period: Period,
  findPaymentOfOurs: FindPayment,
): Promise<Entry[]> {
  const isInPeriod = (at: Date) => at >= period.from && at <= period.until
  const notes = await readNotes(deps)
  const inPeriod = notes.filter(({ created_at }) => isInPeriod(created_at))
  const listed = await deps.dodo.listRefundsSince(period.from, period.until)
  const succeeded = listed.filter(({ status }) => status === 'succeeded')
  const ids = new Set([
    ...succeeded.map(({ refund_id }) => refund_id),
    ...inPeriod.flatMap(({ refundIds }) => refundIds),
    ...(await readOwnRefundParts(deps, { period })).keys(),
  ])
  const own = await readOwnRefundParts(deps, { ids: [...ids] })
  const relevant = notes.filter(
    (note) => inPeriod.includes(note) || note.refundIds.some((id) => ids.has(id)),
  )
  const refunds = await readRefunds(deps, listed, [
    ...ids,
    ...relevant.flatMap(({ refundIds }) => refundIds),
  ])
  const roundingsOf = countNotes(notes)
  const parts = relevant.flatMap((note) =>
    divideNote(note, refunds, roundingsOf(note.lago_invoice_id)),
  )
  const entries: Entry[] = []
  for (const id of ids) {
    const refund = refunds.get(id)
    if (refund && !isInPeriod(refund.created_at)) continue
    const noted = parts.filter(({ dodoRefundId }) => dodoRefundId === id)
    const known = own.get(id) ?? []
    const dodoPaymentId = refund?.payment_id ?? known[0]?.dodoPaymentId ?? paymentOf(noted)
    const payment = dodoPaymentId ? await findPaymentOfOurs(dodoPaymentId) : undefined
    entries.push(...describe({ id, dodoPaymentId, refund, known, payment, noted, roundingsOf }))
  }
  const owed = parts.filter(
    ({ note, dodoRefundId }) => dodoRefundId === null && isInPeriod(note.created_at),
  )
  return [...entries, ...(await describeOwed(deps, owed))]
}

/** The notes that want money given back, with every refund that they name or are known to be about. */
async function readNotes({ db, lago }: Reading): Promise<Note[]> {
  const known = await readNotedRefunds(db)
  const notes = await lago.listAllCreditNotes()
  return notes
    .filter(({ refund_amount_cents }) => refund_amount_cents > 0)
    .map((note) => ({
      ...note,
      refundIds: [...new Set([...namedRefunds(note), ...(known.get(note.lago_id) ?? [])])],
    }))
}

/** The refunds as Dodo has them, asked for one by one where it does not list them in the period. */
async function readRefunds(
  { dodo }: Reading,
  listed: readonly DodoRefund[],
  ids: readonly string[],
): Promise<Map<string, DodoRefund | undefined>> {
  const refunds = new Map<string, DodoRefund | undefined>(
    listed.map((refund) => [refund.refund_id, refund]),
  )
  for (const id of ids) if (!refunds.has(id)) refunds.set(id, await dodo.findRefund(id))
  return refunds
}

function countNotes(notes: readonly LagoCreditNoteRow[]) {
  const ofInvoice = Map.groupBy(notes, ({ lago_invoice_id }) => lago_invoice_id)
  return (lagoInvoiceId: string | null) => ofInvoice.get(lagoInvoiceId ?? '')?.length ?? 0
}

const paymentOf = ([first]: readonly NotePart[]) => first?.note.metadata?.['dodo_payment_id']

type Found = {
  id: string
  dodoPaymentId: string | null | undefined
  refund: DodoRefund | undefined
  known: readonly OwnRefundPart[]
  payment: PaymentOfOurs | undefined
  noted: readonly NotePart[]
  roundingsOf: (lagoInvoiceId: string | null) => number
}

/** An entry for each invoice that the refund is about. */
function describe(found: Found): Entry[] {
  const { id, dodoPaymentId, refund, known, payment, noted, roundingsOf } = found
  const madeAt = refund?.created_at ?? known[0]?.madeAt ?? noted[0]?.note.created_at
  const isOurs = payment !== undefined || known.length > 0 || noted.length > 0
  const isMade = refund?.status === 'succeeded' || known[0]?.isMade || noted.length > 0
  if (!madeAt || !isOurs || !isMade) return []
  const about: readonly About[] = known.length > 0 ? known : [findAbout(payment, noted)]
  const others = noted.filter(
    ({ note }) => !about.some(({ lagoInvoiceId }) => lagoInvoiceId === note.lago_invoice_id),
  )
  return about.map((part, index) => {
    const own = noted.filter(({ note }) => note.lago_invoice_id === part.lagoInvoiceId)
    return asLagoEntry({
      kind: 'refund',
      dodoPaymentId: dodoPaymentId ?? null,
      dodoRefundId: id,
      receivableId: part.lagoInvoiceId,
      name: part.number,
      madeAt,
      dodo: asMoney(refund, payment, part.amount),
      // Notes on invoices that it is not about are shown with the first.
      books: asLagoSide((index === 0 ? [...own, ...others] : own).map(asHeld)),
      causes: [part.cause],
      roundings: roundingsOf(part.lagoInvoiceId),
      knowledge: part.knowledge,
    })
  })
}

type About = Pick<OwnRefundPart, 'number' | 'amount' | 'cause' | 'knowledge'> & {
  lagoInvoiceId: string | null
}

/** Whom a refund is about that our ledger does not hold. */
function findAbout(payment: PaymentOfOurs | undefined, noted: readonly NotePart[]): About {
  return {
    lagoInvoiceId: payment?.metadata['lago_invoice_id'] ?? noted[0]?.note.lago_invoice_id ?? null,
    number: payment?.metadata['lago_invoice_number'] ?? null,
    amount: null,
    cause: MADE_IN_DODO,
    knowledge: { is: 'unknown' },
  }
}

function asMoney(
  refund: DodoRefund | undefined,
  payment: PaymentOfOurs | undefined,
  part: number | null,
) {
  if (refund?.status !== 'succeeded') return null
  const currency = refund.currency ?? payment?.currency ?? '???'
  return { amount: part ?? refund.amount ?? 0, currency }
}

const asHeld = ({ note, amount }: NotePart): Held => ({
  id: note.lago_id,
  amount,
  currency: note.currency,
  on: note.lago_invoice_id,
})

/** What Lago wants given back, and no refund has given back. */
async function describeOwed(deps: Reading, owed: readonly NotePart[]): Promise<Entry[]> {
  const notes = owed.map(({ note }) => note)
  const findKnowledge = await readOwedNotes(deps, notes)
  return owed.flatMap((part) => {
    const { note } = part
    const known = findKnowledge(note)
    if (!known) return []
    return asLagoEntry({
      kind: 'refund',
      dodoPaymentId: null,
      dodoRefundId: null,
      receivableId: note.lago_invoice_id,
      name: known.number,
      madeAt: note.created_at,
      dodo: null,
      books: asLagoSide([asHeld(part)]),
      causes: ['credit note'],
      roundings: 0,
      knowledge: known.knowledge,
    })
  })
}
