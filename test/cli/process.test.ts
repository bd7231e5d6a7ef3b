import { afterAll, beforeAll, describe, expect, test } from 'bun:test'

import manifest from '../../package.json' with { type: 'json' }
import { createSandboxDodo, type SandboxDodo } from '../../sandbox/dodo/dodo.ts'
import { createSandboxLago, type SandboxLago } from '../../sandbox/lago/lago.ts'
import { createTestDatabase, type TestDatabase } from '../support/database.ts'
import { DODO_KEY, HMAC_KEY, LAGO_KEY, WEBHOOK_SECRET } from '../support/world.ts'

const CLI = Bun.fileURLToPath(new URL('../../src/cli.ts', import.meta.url))

let database: TestDatabase
let lago: SandboxLago
let dodo: SandboxDodo
let environment: Record<string, string>
const servers: ReturnType<typeof Bun.serve>[] = []

const listen = (app: { fetch: (request: Request) => Response | Promise<Response> }) => {
  const server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    fetch: (request) => app.fetch(request),
  })
  servers.push(server)
  return `http://127.0.0.1:${server.port}`
}

beforeAll(async () => {
  database = await createTestDatabase()
  lago = createSandboxLago({ apiKey: LAGO_KEY, hmacKey: HMAC_KEY, publicUrl: 'http://lago.test' })
  dodo = createSandboxDodo({
    apiKey: DODO_KEY,
    webhookSecret: WEBHOOK_SECRET,
    publicUrl: 'http://dodo.test',
  })
  environment = {
    PATH: process.env['PATH'] ?? '',
    NO_PROXY: '127.0.0.1',
    DATABASE_URL: database.url,
    LAGO_API_URL: listen(lago.app),
    LAGO_API_KEY: LAGO_KEY,
    LAGO_WEBHOOK_HMAC_KEY: HMAC_KEY,
    DODO_API_URL: listen(dodo.app),
    DODO_API_KEY: DODO_KEY,
    DODO_WEBHOOK_SECRET: WEBHOOK_SECRET,
  }
})
afterAll(async () => {
  lago.stop()
  dodo.stop()
  await Promise.all(servers.map((server) => server.stop(true)))
  await database.drop()
})

async function bridge(args: string[], env = environment) {
  const child = Bun.spawn(['bun', CLI, ...args], { env, cwd: '/', stdout: 'pipe', stderr: 'pipe' })
  const [out, err, exitCode] = await Promise.all([
    child.stdout.text(),
    child.stderr.text(),
    child.exited,
  ])
  return { out, err, exitCode }
}

describe('the commands, with no server running', () => {
  test('a lost invoice is found, collected and accounted for', async () => {
    lago.createCustomer({
      external_id: 'acct_1',
      name: 'Blue Fern',
      email: 'ap@fern.example',
      country: 'US',
    })
    const { number, lago_id } = lago.createInvoice({
      externalCustomerId: 'acct_1',
      fees: [{ amountCents: 12_000 }],
    })

    const unseen = await bridge(['explain', number])
    expect(unseen).toMatchObject({
      exitCode: 0,
      out: expect.stringContaining('run `bridge reconcile`'),
    })

    const opened = await bridge(['reconcile'])
    expect(opened).toMatchObject({
      exitCode: 0,
      out: expect.stringContaining('waiting for the customer'),
    })

    const [sessionId = ''] = dodo.store.sessions.keys()
    const { payment_id } = dodo.pay(sessionId)
    const paid = await bridge(['reconcile'])
    expect(paid.out).toContain(`paid with Dodo payment ${payment_id}`)
    expect(paid.exitCode).toBe(0)

    const explained = await bridge(['explain', lago_id])
    expect(explained.out).toContain(`${payment_id}  succeeded  120.00 USD  applied`)
    expect(explained.err).toBe('')

    const stated = await bridge(['statement'])
    expect(stated).toMatchObject({ exitCode: 0, out: expect.stringContaining('No difference.') })
  })

  test('an unknown invoice, a bad date and a bad configuration end with an exit code and a reason', async () => {
    const [unknown, badDate, unconfigured, version] = await Promise.all([
      bridge(['explain', 'ACM-404']),
      bridge(['statement', '--from', '31.8.2026']),
      bridge(['statement'], { PATH: environment['PATH'] ?? '' }),
      bridge(['--version'], { PATH: environment['PATH'] ?? '' }),
    ])

    expect(unknown).toMatchObject({ exitCode: 1, out: expect.stringContaining('ACM-404') })
    expect(badDate).toMatchObject({ exitCode: 2, err: expect.stringContaining('is not a date') })
    expect(unconfigured).toMatchObject({ exitCode: 1, out: '' })
    expect(version).toMatchObject({ exitCode: 0, out: `${manifest.version}\n`, err: '' })
    expect(unconfigured.err).toStartWith('The configuration is not complete:')
  })
})
