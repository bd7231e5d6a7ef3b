import type postgres from 'postgres'

import { isKnownEvent } from './events.ts'
import type { Delivery } from './delivery.ts'

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

const COLUMNS =
  'source, delivery_id, event_type, wakes, wakes_key, dodo_payment_id, headers, body, received_at, outcome, verified_with'

/** One statement: the new ones of those that are `told`, and with each that wakes something what is owed for it. */
const storing = (told: string, place: string) => `
  with told (${COLUMNS}) as (${told}), fresh as (
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
  select source, delivery_id as "deliveryId", ${place}`

const PARAMETERS = COLUMNS.split(',').map((_, nth) => `$${nth + 1}`)
/** A delivery that comes alone, as most do: without arrays it takes Postgres two thirds of the time. */
const STORE_ONE = storing(
  `select ${PARAMETERS.map((one) => `${one}::text`).join(', ')}`,
  '(select place from owed) from fresh',
)
/** Bodies travel as hex, which needs no quoting in an array. */
const STORE_MANY = storing(
  `select * from unnest(${PARAMETERS.map((one) => `${one}::text[]`).join(', ')})`,
  'place from fresh left join owed using (source, delivery_id)',
)

type Text = string | null
type Row = { source: string; deliveryId: string; place: Place | null }

/** Stores deliveries, each once and for ever, in the one statement. When it resolves they are durable. */
export async function storeAll(sql: postgres.Sql, batch: readonly Told[]): Promise<Stored[]> {
  const [only] = batch
  const rows =
    only && batch.length === 1
      ? await sql.unsafe<Row[]>(STORE_ONE, toValues(only), { prepare: true })
      : await sql.unsafe<Row[]>(STORE_MANY, toArrays(batch.map(toValues)), { prepare: true })
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

/** In the order of the columns. */
const toValues = (told: Told): Text[] => [
  told.source,
  told.deliveryId,
  told.eventType,
  told.wakes,
  told.wakesKey,
  told.dodoPaymentId,
  JSON.stringify(told.headers),
  told.body.toString('hex'),
  told.receivedAt.toISOString(),
  outcomeOf(told),
  told.verifiedWith,
]

/** A column each, as Postgres writes arrays, with every text in quotes. */
const toArrays = (rows: readonly Text[][]) =>
  PARAMETERS.map((_, nth) => `{${rows.map((row) => quote(row[nth] ?? null)).join(',')}}`)

const quote = (text: Text) =>
  text === null ? 'null' : `"${text.replaceAll(/["\\]/g, String.raw`\$&`)}"`
