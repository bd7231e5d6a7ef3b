import { parentPort } from 'node:worker_threads'

import { openDatabase } from '../db/client.ts'
import { MalformedEvent } from '../errors.ts'
import type { Answer, Order } from './big.ts'
import { copyOne } from './copy-one.ts'
import { readEvent } from './envelope.ts'
import { asRow, isStored } from './store.ts'

let database: ReturnType<typeof openDatabase> | undefined
let before: Promise<void> = Promise.resolve()

parentPort?.on('message', (order: Order) => {
  // One at a time: what is in memory several times over is so once.
  before = before.then(async () => parentPort?.postMessage(await carryOut(order), []))
})

/** What is done on this thread, with a connection of its own, nobody waits for but the sender of the body. */
async function carryOut({ nth, databaseUrl, receivedAt, pieces, ...told }: Order): Promise<Answer> {
  try {
    database ??= openDatabase(databaseUrl, 1)
    if (await isStored(database.db, told)) {
      return { nth, stored: { duplicate: true, wakes: null, wakesKey: null } }
    }
    const body = Buffer.concat(pieces.map((piece) => new Uint8Array(piece)))
    const { organizationId: _ours, ...event } = readEvent(told.source, body)
    const delivery = { ...told, ...event, body }
    await copyOne(database.sql, asRow(delivery, receivedAt))
    const { wakes, wakesKey } = event
    return { nth, stored: { duplicate: false, wakes, wakesKey } }
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    return { nth, failed: { why, isMalformed: error instanceof MalformedEvent } }
  }
}
