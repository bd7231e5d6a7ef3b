import http from 'node:http'

import type { Logger } from 'pino'

import { openBridge, type Bridge } from './bridge.ts'
import type { Config } from './config.ts'
import { MAX_BODY_BYTES } from './http/webhooks.ts'
import type { Fetch } from './vendor-fetch.ts'

/** Kept above the limit that answers 413 in our own words. */
const SERVER_BODY_BYTES = MAX_BODY_BYTES + 1024 * 1024
const IDLE_TIMEOUT_SECONDS = 60
/** How soon a key that was refused is tried again. */
const RECHECK_MS = 15_000
/**
 * In JWT mode Lago puts the whole body into a header, base64 and escapes included, which overflows the usual
 * 16 KiB with ordinary invoices (lago-api `app/models/webhook.rb`). This is enough for bodies of 2 MiB. Headers
 * are taken in before anybody can judge them, so what all of them may take is for the proxy in front to limit.
 */
const JWT_HEADER_BYTES = 4 * 1024 * 1024
const GOOD_TOKEN_LENGTH = 24

/** Opens the bridge, listens and works, until `stop`. */
export async function serve(
  config: Config,
  options: { log: Logger; now: () => Date; fetch: Fetch; stop?: AbortSignal },
) {
  if (config.lago.signature === 'jwt') Object.assign(http, { maxHeaderSize: JWT_HEADER_BYTES })
  const { adminToken } = config
  if (adminToken && adminToken.length < GOOD_TOKEN_LENGTH) {
    options.log.warn(
      `ADMIN_TOKEN is short enough to be guessed: use ${GOOD_TOKEN_LENGTH} characters or more`,
    )
  }
  const bridge = await openBridge(config, options)
  const server = await listen(config, bridge).catch(async (error: unknown) => {
    // A port that is taken must not leave the queue and an embedded Postgres behind.
    await bridge.close()
    throw error
  })
  await bridge.work()
  await bridge.rememberAddress()
  options.log.info({ port: server.port, publicUrl: config.publicUrl }, 'bridge ready')
  // Not waited for: a service that is away is no reason not to take webhooks.
  const introduced = bridge.introduce()
  const recheck = setInterval(() => void bridge.introduceRefused(), RECHECK_MS)

  /** Accepts nothing new, lets requests in hand end, and closes the bridge. */
  async function stop() {
    clearInterval(recheck)
    const drained = server.stop()
    await Promise.race([drained, Bun.sleep(DRAIN_MS)])
    await bridge.close()
    await introduced
  }
  return { bridge, port: server.port ?? config.port, stop }
}

const listen = async ({ port, host }: Config, { app }: Bridge) =>
  Bun.serve({
    port,
    ...(host && { hostname: host }),
    fetch: app.fetch,
    maxRequestBodySize: SERVER_BODY_BYTES,
    idleTimeout: IDLE_TIMEOUT_SECONDS,
    development: false,
    // With development off Bun would share the port with whoever has it, and so half of the deliveries.
    reusePort: false,
  })

const DRAIN_MS = 1_000
