import { parentPort } from 'node:worker_threads'

import { openDatabase } from '../db/client.ts'
import { MalformedEvent } from '../errors.ts'
import type { Answer, Order } from './big.ts'
import { copyOne } from './copy-one.ts'
import { readEvent } from './envelope.ts'
import { isStored } from './store.ts'

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
    if (await isStored(database.sql, told)) return { nth, stored: { duplicate: true } }
    const body = Buffer.concat(pieces.map((piece) => new Uint8Array(piece)))
    const { organizationId: _ours, ...event } = readEvent(told, body)
    await copyOne(database.sql, { ...told, ...event, body, receivedAt })
    return { nth, stored: { duplicate: false } }
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    return { nth, failed: { why, isMalformed: error instanceof MalformedEvent } }
  }
}
