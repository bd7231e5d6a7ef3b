import { createHmac, timingSafeEqual } from 'node:crypto'
import postgres from 'postgres'

/**
 * What the bridge is measured against: servers of a few lines that verify a signature and answer, without storing
 * (`verify`), with one insert per request (`insert`), or with one insert for all that wait (`group`).
 */
const [mode = 'insert', url = '', key = ''] = process.argv.slice(2)
const sql = postgres(url, { max: 10, onnotice: () => undefined })
type Waiting = { id: string; body: Buffer; stored: () => void }

const insert = (id: string, body: Buffer) =>
  sql`insert into plain_deliveries (id, body, received_at) values (${id}, ${body}, now()) on conflict do nothing`

const waiting: Waiting[] = []
let isBusy = false

async function group() {
  if (isBusy) return
  isBusy = true
  while (waiting.length > 0) {
    const batch = waiting.splice(0, 250)
    const rows = batch.map(({ id, body }) => ({ id, body, received_at: new Date() }))
    await sql`insert into plain_deliveries ${sql(rows)} on conflict do nothing`
    for (const { stored } of batch) stored()
  }
  isBusy = false
}

async function store(id: string, body: Buffer) {
  if (mode === 'verify') return
  if (mode === 'insert') return void (await insert(id, body))
  const { promise, resolve } = Promise.withResolvers<void>()
  waiting.push({ id, body, stored: resolve })
  void group()
  await promise
}

const server = Bun.serve({
  port: 0,
  hostname: '127.0.0.1',
  development: false,
  async fetch(request) {
    const body = Buffer.from(await request.arrayBuffer())
    const given = Buffer.from(request.headers.get('x-lago-signature') ?? '', 'base64')
    const mac = createHmac('sha256', key).update(body).digest()
    if (given.length !== mac.length || !timingSafeEqual(given, mac)) {
      return new Response(null, { status: 401 })
    }
    await store(request.headers.get('x-lago-unique-key') ?? '', body)
    return Response.json({ received: true, duplicate: false })
  },
})
process.stdout.write(`${JSON.stringify({ msg: 'bridge ready', port: server.port })}\n`)
