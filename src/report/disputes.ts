import { and, or } from 'drizzle-orm'

import { isAnyOf } from '../db/any-of.ts'
import { disputes, payments } from '../db/schema.ts'
import type { Deps } from '../deps.ts'
import { isLost, isUndecided } from '../collect/ledger.ts'
import { formatDodo } from '../collect/money.ts'
import type { Entry } from './compare-ledgers.ts'
import { isOfInvoice, readOwnParts, type OwnPart } from './own-ledger.ts'
import type { Period } from './period.ts'

/** A dispute that began in the period, whenever its payment was made; one that Dodo does not list, with its payment. */
export type DisputeEntry = {
  dodoDisputeId: string
  dodoPaymentId: string
  lagoInvoiceId: string | null
  invoiceNumber: string | null
  /** As it is shown: Dodo's own words where the unit is not certain. */
  amount: string
  /** Dodo's minor units; null where Dodo wrote something else. */
  amountMinor: number | null
  currency: string
  /** When it was opened, or first seen where Dodo does not say. */
  madeAt: Date
  outcome: DisputeOutcome
  /** What a lost one means, and whether Lago knows; undefined while there is nothing to say. */
  why: string | undefined
  isExplained: boolean
}

type DisputeOutcome = 'lost' | 'kept' | 'open'

/** Whether the money went back, stayed, or is not decided on. */
export const outcomeOf = (dispute: { status: string }): DisputeOutcome =>
  isLost(dispute) ? 'lost' : isUndecided(dispute) ? 'open' : 'kept'

type Reading = Pick<Deps, 'db' | 'dodo' | 'lago'>
type Known = { dodoDisputeId: string; dodoPaymentId: string; status: string; stage: string } & {
  isByRdr: boolean
  amount: string
  currency: string
  madeAt: Date
}

/** The disputes of payments of ours: counted, and the lost ones compared with what Lago says. */
export async function readDisputes(
  deps: Reading,
  period: Period,
  entries: readonly Entry[],
): Promise<DisputeEntry[]> {
  const known = await readKnown(deps, period, entries)
  const own = await readOwnParts(
    deps,
    isAnyOf(
      payments.dodoPaymentId,
      known.map((one) => one.dodoPaymentId),
    ),
  )
  const read: DisputeEntry[] = []
  for (const dispute of known) {
    const { dodoDisputeId, dodoPaymentId, currency } = dispute
    const parts = own.get(dodoPaymentId) ?? []
    read.push({
      dodoDisputeId,
      dodoPaymentId,
      ...nameInvoices(parts),
      amount: describeAmount(dispute, paidWith(dodoPaymentId, entries) ?? sumOf(parts)),
      amountMinor: readMinor(dispute),
      currency,
      madeAt: dispute.madeAt,
      outcome: outcomeOf(dispute),
      ...(isLost(dispute)
        ? await explainLost(deps, dispute, parts)
        : { why: undefined, isExplained: true }),
    })
  }
  return read
}

/** All of a payment that was made in other days than these. */
const sumOf = (parts: readonly OwnPart[]) => parts.reduce((sum, { amount }) => sum + amount, 0)

/** A dispute is about all of a payment, and so about all invoices that it is for: in one text. */
const nameInvoices = (parts: readonly OwnPart[]) => ({
  lagoInvoiceId: parts.map(({ receivableId }) => receivableId).join(', ') || null,
  invoiceNumber: parts.map(({ name, receivableId }) => name ?? receivableId).join(', ') || null,
})

/** All of a payment, in Dodo's minor units; null where Dodo does not show it. */
function paidWith(dodoPaymentId: string, entries: readonly Entry[]): number | null {
  const parts = entries.filter(
    (one) => one.kind === 'payment' && one.dodoPaymentId === dodoPaymentId,
  )
  const amounts = parts.flatMap(({ dodo }) => dodo?.amount ?? [])
  return amounts.length > 0 ? amounts.reduce((sum, amount) => sum + amount, 0) : null
}

/** What Dodo says now goes before what we saw; its list has no filter by the payment's age. */
async function readKnown(
  { db, dodo }: Reading,
  { from, until }: Period,
  entries: readonly Entry[],
): Promise<Known[]> {
  const opened = await dodo.listDisputesSince(from)
  const afterwards = new Set(
    (await dodo.listDisputesSince(until)).map(({ dispute_id }) => dispute_id),
  )
  const inPeriod = new Set(
    entries.filter(({ kind }) => kind === 'payment').flatMap((one) => one.dodoPaymentId ?? []),
  )
  const listed = new Map(opened.map((one) => [one.dispute_id, one]))
  const ours = await db
    .select({ dodoPaymentId: payments.dodoPaymentId })
    .from(payments)
    .where(
      and(
        isOfInvoice,
        isAnyOf(
          payments.dodoPaymentId,
          opened.map(({ payment_id }) => payment_id),
        ),
      ),
    )
  const isOurs = new Set([...inPeriod, ...ours.map(({ dodoPaymentId }) => dodoPaymentId)])
  const seen = await db
    .select()
    .from(disputes)
    .where(
      or(
        isAnyOf(disputes.dodoPaymentId, [...inPeriod]),
        isAnyOf(disputes.dodoDisputeId, [...listed.keys()]),
      ),
    )
  const seenAt = new Map(seen.map((one) => [one.dodoDisputeId, one.observedAt]))
  const fresh = opened
    .filter(
      ({ dispute_id, payment_id }) =>
        inPeriod.has(payment_id) || (isOurs.has(payment_id) && !afterwards.has(dispute_id)),
    )
    .map((one) => ({
      dodoDisputeId: one.dispute_id,
      dodoPaymentId: one.payment_id,
      status: one.dispute_status,
      stage: one.dispute_stage,
      isByRdr: one.is_resolved_by_rdr,
      amount: one.amount,
      currency: one.currency,
      madeAt: one.created_at ?? seenAt.get(one.dispute_id) ?? from,
    }))
    // In one statement, and in no other: what went back is summed up month by month.
    .filter(({ madeAt }) => madeAt >= from && madeAt <= until)
  const older = seen
    .filter(
      ({ dodoDisputeId, dodoPaymentId }) =>
        inPeriod.has(dodoPaymentId) && !listed.has(dodoDisputeId),
    )
    .map((one) => ({ ...one, madeAt: one.observedAt }))
  return [...older, ...fresh]
}

async function explainLost(
  { lago }: Reading,
  { status, isByRdr }: Known,
  parts: readonly OwnPart[],
): Promise<Pick<DisputeEntry, 'why' | 'isExplained'>> {
  const how = isByRdr ? 'Visa gave the money back by itself' : 'the money went back'
  const lost = `${status.replace('dispute_', 'dispute ')}: ${how}`
  const recorded = parts.filter(({ isRecorded }) => isRecorded)
  const states = await Promise.all(
    recorded.map(async ({ receivableId }) => {
      const invoice = await lago.findInvoice(receivableId)
      if (!invoice) return 'untellable'
      if (invoice.payment_dispute_lost_at) return 'told'
      return invoice.status === 'finalized' || invoice.status === 'voided' ? 'untold' : 'untellable'
    }),
  )
  if (states.length === 0) return { why: `${lost}; no invoice was paid with it`, isExplained: true }
  if (states.includes('untold')) {
    await lago.release.known()
    if (!lago.can('lost_disputes')) {
      return {
        why: `${lost}; this Lago cannot be told: it knows lost disputes since 1.1.1`,
        isExplained: true,
      }
    }
    return { why: `${lost}; Lago does not know of it yet: run reconcile`, isExplained: false }
  }
  const told = states.includes('untellable')
    ? 'Lago could not be told'
    : 'Lago shows the invoice as paid, its dispute as lost'
  return { why: `${lost}; ${told}`, isExplained: true }
}

/** Dodo writes it as a text, without a point wherever it was seen: then it is in minor units. */
const readMinor = ({ amount }: { amount: string }) => (/^\d+$/.test(amount) ? Number(amount) : null)

/** Dodo does not say in which unit it writes the amount; only all of a payment can be told for certain. */
export function describeAmount(
  { amount, currency }: { amount: string; currency: string },
  paid: number | null,
): string {
  return amount === String(paid) ? formatDodo(Number(amount), currency) : `${amount} ${currency}`
}
