import { createHmac, randomUUID } from 'node:crypto'

import type { Socket } from 'bun'

/**
 * Senders of webhooks, in a process of their own so that they share nothing with who is measured: each has one
 * connection, sends a signed delivery, waits for its answer, and sends the next. Prints what was measured as JSON.
 */
export type Load = {
  port: number
  senders: number
  /** For how long, or how many deliveries. */
  seconds?: number
  count?: number
  kind: Kind
  lagoKey: string
  dodoSecret: string
  organizationId: string
  /** Deliveries about so few invoices; a new one each time without it. */
  invoices?: number
}
export type Kind = 'waking' | 'stored' | 'dodo'
export type Measured = {
  acknowledged: number
  refused: number
  perSecond: number
  p50: number
  p99: number
}

type State = { sentAt: number; text: string; answered: (status: number) => void }

const FILLER = 'Usage of the metered API, by region and plan. '.repeat(24)

async function run(load: Load): Promise<Measured> {
  const times: number[] = []
  let refused = 0
  let begun = 0
  const startedAt = performance.now()
  const isOver = () =>
    load.count === undefined
      ? performance.now() - startedAt > (load.seconds ?? 1) * 1_000
      : begun >= load.count

  async function send() {
    const socket = await open(load.port)
    while (!isOver()) {
      begun += 1
      const request = buildRequest(load)
      const sentAt = performance.now()
      const status = await exchange(socket, request)
      if (status === 200) times.push(performance.now() - sentAt)
      else refused += 1
    }
    socket.end()
  }
  await Promise.all(Array.from({ length: load.senders }, send))
  const seconds = (performance.now() - startedAt) / 1_000
  const sorted = times.toSorted((one, other) => one - other)
  const at = (part: number) => sorted[Math.floor(sorted.length * part)] ?? Number.NaN
  return {
    acknowledged: times.length,
    refused,
    perSecond: times.length / seconds,
    p50: at(0.5),
    p99: at(0.99),
  }
}

const open = (port: number) =>
  Bun.connect<State>({
    hostname: '127.0.0.1',
    port,
    data: { sentAt: 0, text: '', answered: () => undefined },
    socket: {
      data(socket, bytes) {
        const { data } = socket
        data.text += bytes.toString('latin1')
        const end = data.text.indexOf('\r\n\r\n')
        if (end < 0) return
        const length = Number(/content-length: (\d+)/i.exec(data.text)?.[1] ?? 0)
        if (data.text.length < end + 4 + length) return
        const status = Number(data.text.slice(9, 12))
        data.text = ''
        data.answered(status)
      },
      close: ({ data }) => data.answered(0),
    },
  })

function exchange(socket: Socket<State>, request: string) {
  const { promise, resolve } = Promise.withResolvers<number>()
  socket.data.answered = resolve
  socket.write(request)
  return promise
}

function buildRequest({ kind, lagoKey, dodoSecret, organizationId, invoices }: Load): string {
  const id = randomUUID()
  const about = invoices ? `inv-${Math.floor(Math.random() * invoices)}` : randomUUID()
  if (kind === 'dodo') {
    const body = JSON.stringify({
      type: 'payment.succeeded',
      business_id: 'bus_bench',
      timestamp: new Date().toISOString(),
      data: {
        payload_type: 'Payment',
        payment_id: `pay_${id}`,
        status: 'succeeded',
        total_amount: 10_800,
        currency: 'USD',
        metadata: { lago_invoice_id: about, lago_organization_id: organizationId },
        note: FILLER,
      },
    })
    const seconds = Math.floor(Date.now() / 1_000)
    const key = Buffer.from(dodoSecret.replace(/^whsec_/, ''), 'base64')
    const mac = createHmac('sha256', key).update(`msg_${id}.${seconds}.${body}`).digest('base64')
    const headers = `webhook-id: msg_${id}\r\nwebhook-timestamp: ${seconds}\r\nwebhook-signature: v1,${mac}`
    return post('/webhooks/dodo', headers, body)
  }
  const isWaking = kind === 'waking'
  const body = JSON.stringify({
    webhook_type: isWaking ? 'invoice.created' : 'alert.triggered',
    object_type: isWaking ? 'invoice' : 'triggered_alert',
    organization_id: organizationId,
    [isWaking ? 'invoice' : 'triggered_alert']: {
      lago_id: about,
      total_amount_cents: 10_800,
      currency: 'USD',
      note: FILLER,
    },
  })
  const mac = createHmac('sha256', lagoKey).update(body).digest('base64')
  const headers = `X-Lago-Signature: ${mac}\r\nX-Lago-Signature-Algorithm: hmac\r\nX-Lago-Unique-Key: ${id}`
  return post('/webhooks/lago', headers, body)
}

const post = (path: string, headers: string, body: string) =>
  `POST ${path} HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n${headers}\r\n` +
  `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`

if (import.meta.main) {
  const load = JSON.parse(process.argv[2] ?? '') as Load
  process.stdout.write(JSON.stringify(await run(load)))
}
