import http from 'node:http'

import type { Logger } from 'pino'

import { openBridge, type Bridge } from './bridge.ts'
import type { Config } from './config.ts'
import { MAX_BODY_BYTES } from './http/webhooks.ts'
import type { Fetch } from './vendor-fetch.ts'

/** Kept above the limit that answers 413 in our own words. */
const SERVER_BODY_BYTES = MAX_BODY_BYTES + 1024 * 1024
const IDLE_TIMEOUT_SECONDS = 60
/**
 * In JWT mode Lago puts the whole body into a header, base64 and escapes included, which overflows the usual
 * 16 KiB with ordinary invoices (lago-api `app/models/webhook.rb`).
 */
const JWT_HEADER_BYTES = 48 * 1024 * 1024

/** Opens the bridge, listens and works, until `stop`. */
export async function serve(
  config: Config,
  options: { log: Logger; now: () => Date; fetch: Fetch; stop?: AbortSignal },
) {
  if (config.lago.signature === 'jwt') Object.assign(http, { maxHeaderSize: JWT_HEADER_BYTES })
  const bridge = await openBridge(config, options)
  const server = await listen(config.port, bridge).catch(async (error: unknown) => {
    // A port that is taken must not leave the queue and an embedded Postgres behind.
    await bridge.close()
    throw error
  })
  await bridge.work()
  options.log.info({ port: server.port, publicUrl: config.publicUrl }, 'bridge ready')

  /** Accepts nothing new, lets requests in hand end, and closes the bridge. */
  async function stop() {
    const drained = server.stop()
    await Promise.race([drained, Bun.sleep(DRAIN_MS)])
    await bridge.close()
  }
  return { bridge, port: server.port ?? config.port, stop }
}

const listen = async (port: number, { app }: Bridge) =>
  Bun.serve({
    port,
    fetch: app.fetch,
    maxRequestBodySize: SERVER_BODY_BYTES,
    idleTimeout: IDLE_TIMEOUT_SECONDS,
    development: false,
    // With development off Bun would share the port with whoever has it, and so half of the deliveries.
    reusePort: false,
  })

const DRAIN_MS = 1_000
