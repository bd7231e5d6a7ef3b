import { asc, eq, inArray } from 'drizzle-orm'

import type { Executor } from '../db/client.ts'
import { attempts, bundleInvoices, bundles, payments, shares } from '../db/schema.ts'
import type { Deps } from '../deps.ts'
import { memberOf, type BundleAttempt, type Member } from '../domain/decide-bundle.ts'
import { isFinal, type Ledger } from '../domain/ledger.ts'
import type { LagoPaymentRequest } from '../lago/objects.ts'
import { findCollectSince } from './collect-since.ts'
import { asInvoice, ensureInvoice, loadLedger, newPayToken } from './load.ts'
import { findInvoice } from './top-up.ts'

export type BundleRow = typeof bundles.$inferSelect
export type LoadedMember = Member & { ledger: Ledger }
type Loading = Pick<Deps, 'db' | 'lago' | 'config' | 'now'>

/** Our row for a payment request and its invoices, made when we first hear of it. */
export async function ensureBundle(
  deps: Pick<Loading, 'db' | 'now'>,
  request: LagoPaymentRequest,
): Promise<BundleRow> {
  const { lago_id: lagoPaymentRequestId } = request
  const oldestFirst = request.invoices.toSorted((one, other) =>
    `${one.issuing_date} ${one.number}`.localeCompare(`${other.issuing_date} ${other.number}`),
  )
  await deps.db.transaction(async (tx) => {
    await tx
      .insert(bundles)
      .values({
        lagoPaymentRequestId,
        lagoCustomerId: request.customer.external_id,
        currency: request.amount_currency,
        payToken: newPayToken(),
        createdAt: deps.now(),
      })
      .onConflictDoNothing()
    if (oldestFirst.length === 0) return
    await tx
      .insert(bundleInvoices)
      .values(
        oldestFirst.map(({ lago_id: lagoInvoiceId }, position) => ({
          lagoPaymentRequestId,
          lagoInvoiceId,
          position,
        })),
      )
      .onConflictDoNothing()
  })
  const [row] = await deps.db
    .select()
    .from(bundles)
    .where(eq(bundles.lagoPaymentRequestId, lagoPaymentRequestId))
  if (!row) throw new Error(`payment request ${lagoPaymentRequestId} vanished from the ledger`)
  return row
}

/** The ids of its invoices, the oldest first. */
export const memberIds = (db: Executor, lagoPaymentRequestId: string) =>
  db
    .select()
    .from(bundleInvoices)
    .where(eq(bundleInvoices.lagoPaymentRequestId, lagoPaymentRequestId))
    .orderBy(asc(bundleInvoices.position))
    .then((rows) => rows.map(({ lagoInvoiceId }) => lagoInvoiceId))

/** Its invoices as Lago and our ledger have them now. */
export async function loadMembers(
  deps: Loading,
  { lagoPaymentRequestId }: BundleRow,
): Promise<LoadedMember[]> {
  const members: LoadedMember[] = []
  const collectSince = await findCollectSince(deps)
  for (const lagoInvoiceId of await memberIds(deps.db, lagoPaymentRequestId)) {
    const row = await ensureInvoice(deps, lagoInvoiceId)
    const invoice = await findInvoice(deps, lagoInvoiceId)
    const ledger = await loadLedger(deps, row)
    const seen = invoice && { ...asInvoice(invoice), number: invoice.number }
    members.push({ ...memberOf(seen, ledger, deps.now(), { collectSince }), ledger })
  }
  return members
}

/** Its checkouts, the oldest first, with what they ask for on behalf of whom and the payment that counts. */
export async function loadBundleAttempts(
  { db }: Pick<Loading, 'db'>,
  { lagoPaymentRequestId }: BundleRow,
): Promise<BundleAttempt[]> {
  const rows = await db
    .select()
    .from(attempts)
    .where(eq(attempts.lagoPaymentRequestId, lagoPaymentRequestId))
    .orderBy(asc(attempts.number))
  const ids = rows.map(({ id }) => id)
  const [parts, made] = await Promise.all([
    db.select().from(shares).where(inArray(shares.attemptId, ids)).orderBy(asc(shares.position)),
    db
      .select()
      .from(payments)
      .where(inArray(payments.attemptId, ids))
      .orderBy(asc(payments.madeAt)),
  ])
  return rows.map((one) => ({
    ...one,
    shares: parts.filter(({ attemptId }) => attemptId === one.id),
    payment: findDecisive(made.filter(({ attemptId }) => attemptId === one.id)),
  }))
}

const findDecisive = <Made extends { status: string }>(made: readonly Made[]) =>
  made.find(({ status }) => status === 'succeeded') ??
  made.find((one) => !isFinal(one)) ??
  made.at(-1)
