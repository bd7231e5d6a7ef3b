import { between, or } from 'drizzle-orm'

import { isAnyOf } from '../db/any-of.ts'
import { refunds } from '../db/schema.ts'
import type { Deps } from '../deps.ts'
import type { DodoRefund } from '../dodo/objects.ts'
import type { LagoCreditNoteRow } from '../lago/objects.ts'
import type { Entry } from './compare-ledgers.ts'
import { asEntries, type About, type Held } from './entries.ts'
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
  const { from, until } = period
  const isInPeriod = (at: Date) => at >= from && at <= until
  const notes = await readNotes(deps)
  const inPeriod = notes.filter(({ created_at }) => isInPeriod(created_at))
  const listed = await deps.dodo.listRefundsSince(from, until)
  const named = [
    ...listed.filter(({ status }) => status === 'succeeded').map(({ refund_id }) => refund_id),
    ...inPeriod.flatMap(({ refundIds }) => refundIds),
  ]
  const own = await readOwnRefundParts(
    deps,
    or(between(refunds.madeAt, from, until), isAnyOf(refunds.dodoRefundId, named)),
  )
  const ids = new Set([...named, ...own.keys()])
  const relevant = notes.filter(
    (note) => inPeriod.includes(note) || note.refundIds.some((id) => ids.has(id)),
  )
  const inDodo = await readRefunds(deps, listed, [
    ...ids,
    ...relevant.flatMap(({ refundIds }) => refundIds),
  ])
  const roundingsOf = countNotes(notes)
  const parts = relevant.flatMap((note) =>
    divideNote(note, inDodo, roundingsOf(note.lago_invoice_id)),
  )
  const entries: Entry[] = []
  for (const id of ids) {
    const refund = inDodo.get(id)
    if (refund && !isInPeriod(refund.created_at)) continue
    const noted = parts.filter(({ dodoRefundId }) => dodoRefundId === id)
    const known = own.get(id) ?? []
    const dodoPaymentId = refund?.payment_id ?? known[0]?.dodoPaymentId ?? paymentOf(noted) ?? null
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
  const found = new Map<string, DodoRefund | undefined>(
    listed.map((refund) => [refund.refund_id, refund]),
  )
  for (const id of ids) if (!found.has(id)) found.set(id, await dodo.findRefund(id))
  return found
}

function countNotes(notes: readonly LagoCreditNoteRow[]) {
  const ofInvoice = Map.groupBy(notes, ({ lago_invoice_id }) => lago_invoice_id)
  return (lagoInvoiceId: string | null) => ofInvoice.get(lagoInvoiceId ?? '')?.length ?? 0
}

const paymentOf = ([first]: readonly NotePart[]) => first?.note.metadata?.['dodo_payment_id']

type Found = {
  id: string
  dodoPaymentId: string | null
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
  const dodo =
    refund?.status === 'succeeded'
      ? { amount: refund.amount ?? 0, currency: refund.currency ?? payment?.currency ?? '???' }
      : null
  return asEntries(
    { kind: 'refund', dodoPaymentId, dodoRefundId: id, madeAt, dodo, roundingsOf },
    known.length > 0 ? known : [findAbout(payment, noted)],
    noted.map(asHeld),
  )
}

/** Whom a refund is about that our ledger does not hold. */
const findAbout = (payment: PaymentOfOurs | undefined, noted: readonly NotePart[]): About => ({
  receivableId: payment?.metadata['lago_invoice_id'] ?? noted[0]?.note.lago_invoice_id ?? null,
  name: payment?.metadata['lago_invoice_number'] ?? null,
  amount: null,
  cause: MADE_IN_DODO,
  knowledge: { is: 'unknown' },
})

const asHeld = ({ note, amount }: NotePart): Held => ({
  id: note.lago_id,
  amount,
  currency: note.currency,
  on: [note.lago_invoice_id],
})

/** What Lago wants given back, and no refund has given back. */
async function describeOwed(deps: Reading, owed: readonly NotePart[]): Promise<Entry[]> {
  const notes = owed.map(({ note }) => note)
  const findAboutOwed = await readOwedNotes(deps, notes)
  const made = { kind: 'refund', dodoPaymentId: null, dodoRefundId: null, dodo: null } as const
  return owed.flatMap((part) =>
    asEntries({ ...made, madeAt: part.note.created_at }, findAboutOwed(part.note), [asHeld(part)]),
  )
}
