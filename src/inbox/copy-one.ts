import { once } from 'node:events'

import type postgres from 'postgres'

import { outcomeOf, type Told } from './store.ts'

const PIECE_BYTES = 64 * 1024
const HEAD = Buffer.concat([Buffer.from('PGCOPY\n\xff\r\n\0', 'latin1'), Buffer.alloc(8)])
const END = int16(-1)
/** What Postgres counts from. */
const EPOCH_MS = Date.UTC(2000, 0, 1)
const JSONB_VERSION = Buffer.from([1])

/**
 * Stores one delivery, and what is owed for it, by binary COPY (Postgres: *COPY*, *Binary Format*): as a parameter a body of 32 MiB costs the
 * driver ten times as much. A delivery that is there already must have been looked for: the driver does not
 * come back from a conflict, so this may hang.
 */
export async function copyOne(sql: postgres.Sql, delivery: Told): Promise<void> {
  const { source, deliveryId, wakes, wakesKey } = delivery
  await sql.begin(async (tx) => {
    await copyInto(tx, delivery)
    if (wakes === null) return
    await tx`
      insert into unrouted (source, delivery_id, wakes, wakes_key)
      values (${source}, ${deliveryId}, ${wakes}, ${wakesKey})`
  })
}

async function copyInto(sql: postgres.TransactionSql, row: Told) {
  const { body, receivedAt } = row
  const isIdle = row.wakes === null
  const before = [
    text(row.source),
    text(row.deliveryId),
    text(row.eventType),
    text(row.wakes),
    text(row.wakesKey),
    text(row.dodoPaymentId),
    field(Buffer.concat([JSONB_VERSION, Buffer.from(JSON.stringify(row.headers))])),
    moment(receivedAt),
    moment(isIdle ? receivedAt : null),
    text(outcomeOf(row)),
    text(row.verifiedWith),
    int32(body.byteLength),
  ]
  const copy = await sql`
    copy deliveries (source, delivery_id, event_type, wakes, wakes_key, dodo_payment_id, headers, received_at,
      processed_at, outcome, verified_with, body)
    from stdin with (format binary)`.writable()
  copy.write(Buffer.concat([HEAD, int16(before.length), ...before]))
  for (let start = 0; start < body.byteLength; start += PIECE_BYTES) {
    if (!copy.write(body.subarray(start, start + PIECE_BYTES))) await once(copy, 'drain')
  }
  copy.end(END)
  await once(copy, 'finish')
}

const text = (value: string | null) => field(value === null ? null : Buffer.from(value))

function moment(at: Date | null): Buffer {
  if (at === null) return field(null)
  const bytes = Buffer.alloc(8)
  bytes.writeBigInt64BE(BigInt(at.getTime() - EPOCH_MS) * 1_000n)
  return field(bytes)
}

const field = (bytes: Buffer | null) =>
  bytes === null ? int32(-1) : Buffer.concat([int32(bytes.byteLength), bytes])

function int16(value: number): Buffer {
  const bytes = Buffer.alloc(2)
  bytes.writeInt16BE(value)
  return bytes
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(value)
  return bytes
}
