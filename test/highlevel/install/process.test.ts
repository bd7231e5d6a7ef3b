import { afterAll, beforeAll, expect, test } from 'bun:test'

import { createSandboxHighlevel } from '../../../sandbox/highlevel/highlevel.ts'
import { createSandboxDodo } from '../../../sandbox/dodo/dodo.ts'
import { createTestDatabase, type TestDatabase } from '../../support/database.ts'
import { startServer } from '../../support/server-process.ts'
import { DODO_KEY, HIGHLEVEL_APP, HIGHLEVEL_SECRET, WEBHOOK_SECRET } from '../../support/world.ts'

const LOCATION = 'loc_demo_1'
const PATIENCE_MS = 60_000
/** It starts three processes, of which two end without a word. */
const TEST_MS = 4 * PATIENCE_MS
const WRITES = /\/(?:provider|connect|disconnect)$/

let database: TestDatabase
let highlevel: ReturnType<typeof createSandboxHighlevel>
let services: ReturnType<typeof Bun.serve>[]
let env: Record<string, string>
const app = { ...HIGHLEVEL_APP }
/** Called with each write of the location's record once it has taken effect; its answer goes nowhere when it kills. */
let onWrite: (() => void) | undefined
const writes: string[] = []

beforeAll(async () => {
  database = await createTestDatabase()
  const dodo = createSandboxDodo({
    apiKey: DODO_KEY,
    webhookSecret: WEBHOOK_SECRET,
    publicUrl: 'http://dodo.test',
  })
  const hosting = Bun.serve({
    port: 0,
    async fetch(request) {
      const response = await highlevel.app.fetch(request)
      const { pathname } = new URL(request.url)
      if (request.method === 'POST' && WRITES.test(pathname)) {
        writes.push(pathname.split('/').at(-1) ?? '')
        onWrite?.()
      }
      return response
    },
  })
  const url = `http://127.0.0.1:${hosting.port}`
  highlevel = createSandboxHighlevel({ app, publicUrl: url })
  highlevel.createLocation(LOCATION)
  const atDodo = Bun.serve({ port: 0, fetch: (request) => dodo.app.fetch(request) })
  services = [hosting, atDodo]
  env = {
    PUBLIC_URL: 'http://bridge.test',
    DATABASE_URL: database.url,
    DODO_API_URL: `http://127.0.0.1:${atDodo.port}`,
    DODO_API_KEY: DODO_KEY,
    DODO_WEBHOOK_SECRET: WEBHOOK_SECRET,
    HIGHLEVEL_CLIENT_ID: app.clientId,
    HIGHLEVEL_CLIENT_SECRET: app.clientSecret,
    HIGHLEVEL_SECRET,
    HIGHLEVEL_LOCATIONS: LOCATION,
    HIGHLEVEL_API_URL: url,
    HIGHLEVEL_MARKETPLACE_URL: url,
    HIGHLEVEL_WEBHOOK_URL: `${url}/payments/custom-provider/webhook`,
    HIGHLEVEL_WEBHOOK_PUBLIC_KEY: highlevel.webhookPublicKey,
    LOG_LEVEL: 'trace',
  }
})
afterAll(async () => {
  highlevel.stop()
  await Promise.all(services.map((one) => one.stop(true)))
  await database.drop()
})

async function until(check: () => boolean) {
  const endMs = performance.now() + PATIENCE_MS
  while (!check()) {
    if (performance.now() > endMs) throw new Error(`still ${JSON.stringify(writes)}`)
    await Bun.sleep(50)
  }
}

test(
  'a process that is killed after each of its writes leaves a location that the next ones connect, and no secret in a log',
  async () => {
    const logged: Record<string, unknown>[] = []
    const kill = (pid: number) => {
      onWrite = undefined
      process.kill(pid, 'SIGKILL')
    }
    const first = await startServer(env)
    onWrite = () => kill(first.pid)
    const code = highlevel.install(LOCATION)
    await fetch(`http://127.0.0.1:${first.port}/highlevel/oauth/callback?code=${code}`).catch(
      () => undefined,
    )
    await until(() => writes.length === 1)
    logged.push(...first.lines)

    const second = await startServer(env).catch(() => undefined)
    if (!second) throw new Error('it did not start again')
    onWrite = () => kill(second.pid)
    await until(() => writes.length === 2)
    logged.push(...second.lines)

    const third = await startServer(env)
    await until(() => writes.length === 3)
    await until(() => third.lines.some(({ msg }) => msg === 'location connected'))
    logged.push(...third.lines)
    await third.stop()

    expect(writes).toEqual(['provider', 'connect', 'disconnect'])
    const { keys } = highlevel.store.integrations.get(LOCATION) ?? {}
    expect(keys).toMatchObject({
      live: null,
      test: { apiKey: expect.stringMatching(/^hlk_test_/) },
    })
    const text = JSON.stringify(logged)
    const secrets = [
      code,
      app.clientSecret,
      HIGHLEVEL_SECRET,
      keys?.test?.apiKey ?? '-',
      keys?.test?.publishableKey ?? '-',
      ...[...highlevel.store.tokens.values()].flatMap(({ accessToken, refreshToken }) => [
        accessToken,
        refreshToken ?? accessToken,
      ]),
    ]
    expect(secrets.filter((secret) => text.includes(secret))).toEqual([])
  },
  TEST_MS,
)
