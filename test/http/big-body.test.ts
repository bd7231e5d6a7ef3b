import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { createHmac } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import postgres from 'postgres'

import { MAX_BODY_BYTES } from '../../src/http/webhooks.ts'
import { createSandboxLago, type SandboxLago } from '../../sandbox/lago/lago.ts'
import { createTestDatabase, type TestDatabase } from '../support/database.ts'
import { startServer } from '../support/server-process.ts'
import { DODO_KEY, HMAC_KEY, LAGO_KEY, WEBHOOK_SECRET } from '../support/world.ts'

setDefaultTimeout(120_000)

const WATCH = fileURLToPath(new URL('../support/watch-loop.ts', import.meta.url))
/** What no request may hold the event loop for. */
const MOST_MS = 50
const NOWHERE = 'http://127.0.0.1:1'

let database: TestDatabase
let lago: SandboxLago
let lagoServer: ReturnType<typeof Bun.serve>
let server: Awaited<ReturnType<typeof startServer>>
let sql: postgres.Sql
beforeAll(async () => {
  database = await createTestDatabase()
  sql = postgres(database.url, { max: 1 })
  lago = createSandboxLago({ apiKey: LAGO_KEY, hmacKey: HMAC_KEY, publicUrl: 'http://lago.test' })
  lagoServer = Bun.serve({ port: 0, hostname: '127.0.0.1', fetch: (one) => lago.fetch(one) })
  server = await startServer(
    {
      DATABASE_URL: database.url,
      LAGO_API_URL: `http://127.0.0.1:${lagoServer.port}`,
      LAGO_API_KEY: LAGO_KEY,
      LAGO_WEBHOOK_HMAC_KEY: HMAC_KEY,
      DODO_API_URL: NOWHERE,
      DODO_API_KEY: DODO_KEY,
      DODO_WEBHOOK_SECRET: WEBHOOK_SECRET,
    },
    { preload: WATCH },
  )
})
afterAll(async () => {
  await server?.stop()
  await sql.end()
  lago.stop()
  await lagoServer.stop(true)
  await database.drop()
})

const held = () =>
  server.lines.filter(({ msg }) => msg === 'loop held').map(({ heldMs }) => Number(heldMs))
const longest = () => Math.max(0, ...held())

/** An invoice with as many fees as it takes. */
function bodyAbout(lagoInvoiceId: string, bytes: number) {
  const fee = { item: { code: 'calls', name: 'x'.repeat(400) }, amount_cents: 12, units: '1.0' }
  const fees = Array.from({ length: Math.floor(bytes / 520) }, (_, nth) => ({ nth, ...fee }))
  const event = {
    webhook_type: 'invoice.created',
    object_type: 'invoice',
    organization_id: lago.organizationId,
    invoice: { lago_id: lagoInvoiceId, fees },
  }
  const text = Buffer.from(JSON.stringify(event))
  return Buffer.concat([text, Buffer.alloc(bytes - text.byteLength, ' ')])
}
const post = (port: number, body: Buffer, id: string) =>
  fetch(`http://127.0.0.1:${port}/webhooks/lago`, {
    method: 'POST',
    body,
    headers: {
      'X-Lago-Signature': createHmac('sha256', HMAC_KEY).update(body).digest('base64'),
      'X-Lago-Unique-Key': id,
    },
  })

test('a signed body of 32 MiB is stored, routed and settled, and holds the event loop for no more than 50 ms', async () => {
  const customer = lago.createCustomer({
    external_id: 'acct_big',
    name: 'Big',
    email: 'a@b.example',
  })
  const invoice = lago.createInvoice({
    externalCustomerId: customer.external_id,
    fees: [{ amountCents: 1_000 }],
  })
  const body = bodyAbout(invoice.lago_id, MAX_BODY_BYTES)
  await post(server.port, bodyAbout(crypto.randomUUID(), 4_000), 'warm')
  const id = crypto.randomUUID()
  server.lines.splice(0)

  const response = await post(server.port, body, id)

  expect(await response.json()).toEqual({ received: true, duplicate: false })
  expect((await post(server.port, body, id)).status).toBe(200)
  const [row] = await sql<{ isWhole: boolean; wakes: string; key: string }[]>`
    select body = ${body} as "isWhole", wakes, wakes_key as key from deliveries where delivery_id = ${id}`
  expect(row).toEqual({ isWhole: true, wakes: 'settle', key: invoice.lago_id })
  for (let look = 0; look < 200; look += 1) {
    const [known] =
      await sql`select number from receivables where receivable_id = ${invoice.lago_id}`
    if (known?.['number']) break
    await Bun.sleep(50)
  }
  expect(longest()).toBeLessThan(MOST_MS)
})

test('a signed body of 32 MiB that is no JSON is refused, and the next one is taken', async () => {
  const body = Buffer.alloc(MAX_BODY_BYTES, '{"')

  expect((await post(server.port, body, 'broken')).status).toBe(400)
  expect((await post(server.port, bodyAbout('x', 300_000), 'next')).status).toBe(200)
})
