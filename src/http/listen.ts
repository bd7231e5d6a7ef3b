import http from 'node:http'

import type { Config } from '../config.ts'
import { openGate } from './gate.ts'
import { MAX_BODY_BYTES } from './webhooks.ts'

/** Kept above the limit that answers 413 in our own words. */
const SERVER_BODY_BYTES = MAX_BODY_BYTES + 1024 * 1024
const IDLE_TIMEOUT_SECONDS = 60
/**
 * In JWT mode Lago puts the whole body into a header, base64 and escapes included, which overflows the usual
 * 16 KiB with ordinary invoices (lago-api `app/models/webhook.rb`). This is enough for bodies of 2 MiB.
 */
const JWT_HEADER_BYTES = 4 * 1024 * 1024

type Address = NonNullable<ReturnType<ReturnType<typeof openServer>['requestIP']>>
type Env = { requestIP: (request: Request) => Address | null }
type App = { fetch: (request: Request, env: Env) => Response | Promise<Response> }

/**
 * Listens where the configuration says. With large heads, which only JWT signatures need, behind a gate that bounds
 * what all connections hold together; otherwise each holds 16 KiB at most before its request can be judged.
 */
export async function listen(config: Config, app: App) {
  if (config.lago.signature !== 'jwt') {
    const server = openServer(config, (request, own) => app.fetch(request, own))
    return { port: server.port ?? config.port, stop: () => server.stop() }
  }
  return listenBehindGate(config, app)
}

async function listenBehindGate(config: Config, app: App) {
  Object.assign(http, { maxHeaderSize: JWT_HEADER_BYTES })
  const server = openServer({ port: 0, host: '127.0.0.1' }, async (request, own) => {
    const requestIP = (of: Request) => {
      const inner = own.requestIP(of)
      const address = inner === null ? undefined : gate.addressOf(inner.port)
      return inner && address !== undefined ? { ...inner, address } : inner
    }
    const response = await app.fetch(request, { requestIP })
    // The gate counts by connection.
    response.headers.set('Connection', 'close')
    return response
  })
  const gate = await openGate(config, server.port ?? 0).catch(async (error: unknown) => {
    await server.stop(true)
    throw error
  })
  async function stop() {
    await gate.stop()
    await server.stop()
  }
  return { port: gate.port, stop }
}

const openServer = (
  { port, host }: { port: number; host: string | undefined },
  fetch: (request: Request, own: Env) => Response | Promise<Response>,
) =>
  Bun.serve({
    port,
    ...(host && { hostname: host }),
    fetch,
    maxRequestBodySize: SERVER_BODY_BYTES,
    idleTimeout: IDLE_TIMEOUT_SECONDS,
    development: false,
    // With development off Bun would share the port with whoever has it, and so half of the deliveries.
    reusePort: false,
  })
