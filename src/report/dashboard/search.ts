import { and, eq, or } from 'drizzle-orm'

import type { Database } from '../../db/client.ts'
import {
  accountPages,
  payers,
  creditNotes,
  deliveries,
  receivables,
  mandates,
} from '../../db/schema.ts'
import type { Deps } from '../../deps.ts'
import { findByDodoId, isDodoId } from '../find-dodo.ts'
import { listCustomers } from './customers.ts'
import { listInvoices } from './list-invoices.ts'
import { SOURCES, type Source } from '../../webhook-sources.ts'

/** Something that an id, a number or a name leads to. */
export type Hit =
  | { kind: 'invoice' | 'customer' | 'request' | 'order'; key: string; label: string }
  | { kind: 'delivery'; key: string; source: string; label: string }

const PER_KIND = 10
const TOKEN = /(?:^|\/(?:pay|account)\/)([\w-]{22})(?:\/return)?\/?$/

/** Everything of the ledger that somebody may mean by a text, and what Dodo says of an id of its own. */
export async function search(
  deps: Pick<Deps, 'db' | 'dodo'>,
  text: string,
): Promise<{ hits: Hit[]; said: string | undefined }> {
  const { db } = deps
  const ofDodo = isDodoId(text) ? await findByDodoId(deps, text) : undefined
  const found = await Promise.all([
    findInvoices(db, text, ofDodo?.lagoInvoiceIds ?? []),
    findCustomers(db, text),
    findRequests(db, text),
    findDeliveries(db, text),
    findByToken(db, text),
  ])
  const hits = new Map(found.flat().map((hit) => [`${hit.kind}:${hit.key}`, hit]))
  return { hits: [...hits.values()], said: ofDodo?.what }
}

async function findInvoices(db: Database, text: string, ids: readonly string[]): Promise<Hit[]> {
  const { items } = await listInvoices(db, { text, sort: 'number' }, { limit: PER_KIND })
  const noted = await db
    .select({ id: creditNotes.receivableId })
    .from(creditNotes)
    .where(or(eq(creditNotes.number, text), eq(creditNotes.creditNoteId, text)))
    .limit(PER_KIND)
  const named = [...ids, ...noted.map(({ id }) => id)].map((id) => ({
    kind: 'invoice' as const,
    key: id,
    label: id,
  }))
  return [
    ...named,
    ...items.map(({ lagoInvoiceId, number, customerName }) => ({
      kind: 'invoice' as const,
      key: lagoInvoiceId,
      label: [number ?? lagoInvoiceId, customerName].filter(Boolean).join(', '),
    })),
  ]
}

async function findCustomers(db: Database, text: string): Promise<Hit[]> {
  const [{ items }, inDodo, carded] = await Promise.all([
    listCustomers(db, { text, before: undefined }),
    db.select().from(payers).where(eq(payers.dodoCustomerId, text)),
    db.select().from(mandates).where(eq(mandates.dodoSubscriptionId, text)),
  ])
  const named = [...inDodo, ...carded].map(({ payerKey }) => ({
    lagoCustomerId: payerKey,
    name: null,
  }))
  return [...items.slice(0, PER_KIND), ...named].map(({ lagoCustomerId, name }) => ({
    kind: 'customer' as const,
    key: lagoCustomerId,
    label: name === null ? lagoCustomerId : `${name} (${lagoCustomerId})`,
  }))
}

async function findRequests(db: Database, text: string): Promise<Hit[]> {
  const rows = await db
    .select({ key: receivables.receivableId })
    .from(receivables)
    .where(and(eq(receivables.kind, 'payment_request'), eq(receivables.receivableId, text)))
  return rows.map(({ key }) => ({ kind: 'request', key, label: key }))
}

async function findDeliveries(db: Database, text: string): Promise<Hit[]> {
  const rows = await db
    .select({
      source: deliveries.source,
      key: deliveries.deliveryId,
      eventType: deliveries.eventType,
    })
    .from(deliveries)
    // Both halves of the key, so that its index finds it.
    .where(or(...SOURCES.map((source) => isDelivery(source, text))))
  return rows.map(({ source, key, eventType }) => ({
    kind: 'delivery',
    key,
    source,
    label: eventType,
  }))
}

const isDelivery = (source: Source, deliveryId: string) =>
  and(eq(deliveries.source, source), eq(deliveries.deliveryId, deliveryId))

async function findByToken(db: Database, text: string): Promise<Hit[]> {
  const token = TOKEN.exec(text)?.[1]
  if (token === undefined) return []
  const [owed, ofCustomer, ofAccount] = await Promise.all([
    db.select().from(receivables).where(eq(receivables.payToken, token)),
    db.select().from(payers).where(eq(payers.payToken, token)),
    db.select().from(accountPages).where(eq(accountPages.token, token)),
  ])
  return [
    ...owed.map(({ receivableId: key, kind, number }) => ({
      kind: kind === 'invoice' || kind === 'order' ? kind : ('request' as const),
      key,
      label: number ?? key,
    })),
    ...[...ofCustomer, ...ofAccount].map(({ payerKey: key }) => ({
      kind: 'customer' as const,
      key,
      label: key,
    })),
  ]
}
