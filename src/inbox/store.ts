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

const COLUMNS = `source, delivery_id, event_type, wakes, wakes_key, dodo_payment_id, headers, body,
  received_at, processed_at, outcome, verified_with`

const inserting = (rows: string) => `
  insert into deliveries (${COLUMNS}) ${rows}
  on conflict do nothing
  returning source, delivery_id, wakes, wakes_key`
/** With each that wakes something, in the same statement, what is owed for it. */
const owing = (fresh: string, from: string) => `
  with ${fresh}, owed as (
    insert into unrouted (source, delivery_id, wakes, wakes_key)
    select source, delivery_id, wakes, wakes_key from fresh where wakes is not null
    returning ctid::text as place, source, delivery_id
  )
  select source, delivery_id as "deliveryId", place from ${from}`

/** A delivery that comes alone, as most do, costs Postgres two thirds as much without a list to take apart. */
const ONE =
  inserting(`values ($1::text, $2::text, $3::text, $4::text, $5::text, $6::text, $7::text::jsonb,
  decode($8, 'hex'), $9::text::timestamptz, $10::text::timestamptz, $11::text, $12::text)`)
const STORE_ONE = `${ONE}, null as place`
const STORE_ONE_THAT_WAKES = owing(`fresh as (${ONE})`, 'owed')

/**
 * Many go as one list, and their bodies as one piece that is cut at their lengths: each by itself would be quoted and read
 * letter by letter, twice.
 */
const STORE_MANY = owing(
  `told as (
    select one, sum((one ->> 7)::int) over (order by nth rows unbounded preceding)::int as until
    from jsonb_array_elements($1::text::jsonb) with ordinality as list (one, nth)
  ), fresh as (${inserting(`
    select one ->> 0, one ->> 1, one ->> 2, one ->> 3, one ->> 4, one ->> 5, one -> 6,
      substring((select decode($2, 'hex')) from until - (one ->> 7)::int + 1 for (one ->> 7)::int),
      (one ->> 8)::timestamptz, (one ->> 9)::timestamptz, one ->> 10, one ->> 11
    from told`)}
  )`,
  'fresh left join owed using (source, delivery_id)',
)

type Row = { source: string; deliveryId: string; place: Place | null }

/** Stores deliveries, each once and for ever, in the one statement. When it resolves they are durable. */
export async function storeAll(sql: postgres.Sql, batch: readonly Told[]): Promise<Stored[]> {
  const [only] = batch
  if (only && batch.length === 1) return [await storeOne(sql, only)]
  const list = JSON.stringify(batch.map((told) => toValues(told, told.headers, told.body.length)))
  const bodies = Buffer.concat(batch.map(({ body }) => body)).toString('hex')
  const rows = await sql.unsafe<Row[]>(STORE_MANY, [list, bodies], { prepare: true })
  const fresh = new Map(rows.map((row) => [identity(row), row.place]))
  return batch.map((delivery) => {
    const key = identity(delivery)
    const place = fresh.get(key)
    fresh.delete(key)
    return place === undefined ? { duplicate: true, place: null } : { duplicate: false, place }
  })
}

async function storeOne(sql: postgres.Sql, told: Told): Promise<Stored> {
  const statement = told.wakes === null ? STORE_ONE : STORE_ONE_THAT_WAKES
  const values = toValues(told, JSON.stringify(told.headers), told.body.toString('hex'))
  const [row] = await sql.unsafe<Pick<Row, 'place'>[]>(statement, values, { prepare: true })
  return row ? { duplicate: false, place: row.place } : { duplicate: true, place: null }
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

/** In the order of the columns. Half a character, which no text of Postgres holds, becomes the sign for one. */
function toValues<Headers, Body>(told: Told, headers: Headers, body: Body) {
  const { source, deliveryId, eventType, wakes, wakesKey, dodoPaymentId, verifiedWith } = told
  const receivedAt = told.receivedAt.toISOString()
  return [
    source,
    deliveryId,
    eventType.toWellFormed(),
    wakes,
    wakesKey?.toWellFormed() ?? null,
    dodoPaymentId,
    headers,
    body,
    receivedAt,
    wakes === null ? receivedAt : null,
    outcomeOf(told),
    verifiedWith,
  ]
}
