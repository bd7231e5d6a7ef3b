import type postgres from 'postgres'

import { isKnownEvent } from './events.ts'
import type { Delivery } from './receive.ts'

/** Where a delivery stands among those that nobody has been woken for, until it is routed. */
export type Place = string
export type Stored = { duplicate: boolean; place: Place | null }
export type Told = Delivery & { receivedAt: Date }

/** A delivery about nothing we settle is complete as soon as it is stored. */
export function outcomeOf({ wakes, source, eventType }: Delivery): string | null {
  if (wakes !== null) return null
  return isKnownEvent(source, eventType)
    ? 'stored; nothing to settle'
    : 'stored; of a type that this release does not know'
}

/**
 * One statement, for one delivery or for many: the new ones, and with each that wakes something what is owed for
 * it. Bodies travel as hex, which needs no quoting in an array.
 */
const STORE = `
  with told as (
    select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],
      $8::text[], $9::text[], $10::text[], $11::text[])
      as told (source, delivery_id, event_type, wakes, wakes_key, dodo_payment_id, headers, body, received_at, outcome,
        verified_with)
  ), fresh as (
    insert into deliveries (source, delivery_id, event_type, wakes, wakes_key, dodo_payment_id, headers, body,
      received_at, processed_at, outcome, verified_with)
    select source, delivery_id, event_type, wakes, wakes_key, dodo_payment_id, headers::jsonb, decode(body, 'hex'),
      received_at::timestamptz, case when wakes is null then received_at::timestamptz end,
      outcome, verified_with
    from told
    on conflict do nothing
    returning source, delivery_id, wakes, wakes_key
  ), owed as (
    insert into unrouted (source, delivery_id, wakes, wakes_key)
    select source, delivery_id, wakes, wakes_key from fresh where wakes is not null
    returning ctid::text as place, source, delivery_id
  )
  select source, delivery_id as "deliveryId", place from fresh left join owed using (source, delivery_id)`

type Row = { source: string; deliveryId: string; place: Place | null }

/** Stores deliveries, each once and for ever, in the one statement. When it resolves they are durable. */
export async function storeAll(sql: postgres.Sql, batch: readonly Told[]): Promise<Stored[]> {
  const column = (read: (one: Told) => string | null) => toArray(batch, read)
  const rows = await sql.unsafe<Row[]>(
    STORE,
    [
      column(({ source }) => source),
      column(({ deliveryId }) => deliveryId),
      column(({ eventType }) => eventType),
      column(({ wakes }) => wakes),
      column(({ wakesKey }) => wakesKey),
      column(({ dodoPaymentId }) => dodoPaymentId),
      column(({ headers }) => JSON.stringify(headers)),
      `{${batch.map(({ body }) => body.toString('hex') || '""').join(',')}}`,
      column(({ receivedAt }) => receivedAt.toISOString()),
      column(outcomeOf),
      column(({ verifiedWith }) => verifiedWith),
    ],
    { prepare: true },
  )
  const fresh = new Map(rows.map((row) => [identity(row), row.place]))
  return batch.map((delivery) => {
    const key = identity(delivery)
    const place = fresh.get(key)
    fresh.delete(key)
    return place === undefined ? { duplicate: true, place: null } : { duplicate: false, place }
  })
}

/** Whether a delivery of that id is stored already. */
export async function isStored(
  sql: postgres.Sql,
  { source, deliveryId }: Pick<Delivery, 'source' | 'deliveryId'>,
) {
  const found = await sql`
    select from deliveries where source = ${source} and delivery_id = ${deliveryId}`
  return found.length > 0
}

const identity = ({ source, deliveryId }: { source: string; deliveryId: string }) =>
  `${source}:${deliveryId}`

/** An array as Postgres writes it, with every text in quotes. */
const toArray = <Item>(items: readonly Item[], read: (item: Item) => string | null) =>
  `{${items.map((item) => quote(read(item))).join(',')}}`

const quote = (text: string | null) =>
  text === null ? 'null' : `"${text.replaceAll(/["\\]/g, String.raw`\$&`)}"`
