import type { Logger } from 'pino'

import { openBridge } from './bridge.ts'
import type { Config } from './config.ts'
import { listen } from './http/listen.ts'
import type { Fetch } from './vendor-fetch.ts'

/** How soon a key that was refused is tried again. */
const RECHECK_MS = 15_000
const GOOD_TOKEN_LENGTH = 24
const DRAIN_MS = 1_000

/** Opens the bridge, listens and works, until `stop`. */
export async function serve(
  config: Config,
  options: { log: Logger; now: () => Date; fetch: Fetch; stop?: AbortSignal },
) {
  const { adminToken } = config
  if (adminToken && adminToken.length < GOOD_TOKEN_LENGTH) {
    options.log.warn(
      `ADMIN_TOKEN is short enough to be guessed: use ${GOOD_TOKEN_LENGTH} characters or more`,
    )
  }
  const bridge = await openBridge(config, options)
  const server = await listen(config, bridge.app).catch(async (error: unknown) => {
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
  return { bridge, port: server.port, stop }
}
