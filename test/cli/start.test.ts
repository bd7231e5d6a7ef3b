import { afterAll, beforeAll, expect, test } from 'bun:test'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { createSandboxDodo, type SandboxDodo } from '../../sandbox/dodo/dodo.ts'
import { createSandboxLago, type SandboxLago } from '../../sandbox/lago/lago.ts'
import { createTestDatabase, type TestDatabase } from '../support/database.ts'
import { DODO_KEY, HMAC_KEY, LAGO_KEY, WEBHOOK_SECRET } from '../support/world.ts'

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url))
const ADMIN_TOKEN = 'Tr0ub4dor9$horse#battery'
const PATIENCE_MS = 40_000
/** As the kernel writes the signals that a process catches. */
const SIGTERM_BIT = 1n << 14n

type Line = { level: number; msg: string } & Record<string, unknown>

let database: TestDatabase
let lago: SandboxLago
let dodo: SandboxDodo
let folder: string
const servers: ReturnType<typeof Bun.serve>[] = []

function listen({ fetch }: { fetch: (request: Request) => Response | Promise<Response> }) {
  const server = Bun.serve({ port: 0, hostname: '127.0.0.1', fetch: (request) => fetch(request) })
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
  folder = await mkdtemp(join(tmpdir(), 'bridge-start-'))
  await writeFile(join(folder, 'dodo-key'), `${DODO_KEY}\n`)
  const settings = {
    PORT: '0',
    DATABASE_URL: `"${database.url}"`,
    LAGO_API_URL: listen(lago.app),
    LAGO_URL: 'http://elsewhere.example',
    LAGO_API_KEY: LAGO_KEY,
    LAGO_WEBHOOK_HMAC_KEY: HMAC_KEY,
    DODO_API_URL: listen(dodo.app),
    DODO_API_KEY_FILE: join(folder, 'dodo-key'),
    DODO_WEBHOOK_SECRET: WEBHOOK_SECRET,
    ADMIN_TOKEN,
  }
  const lines = Object.entries(settings).map(([name, value]) => `${name}=${value} \r\n`)
  await writeFile(join(folder, '.env'), lines.join(''))
})
afterAll(async () => {
  lago.stop()
  dodo.stop()
  await Promise.all(servers.map((server) => server.stop(true)))
  await rm(folder, { recursive: true, force: true })
  await database.drop()
})

/** Starts a bridge in the folder, and gathers what it logs. */
function start(env: Record<string, string> = {}) {
  const child = Bun.spawn([process.execPath, MAIN], {
    cwd: folder,
    env: { PATH: process.env['PATH'] ?? '', NO_PROXY: '127.0.0.1', ...env },
    stdout: 'pipe',
    stderr: 'pipe',
  })
  const logged: Line[] = []
  const arrived = Promise.withResolvers<void>()
  let wanted: string[] = []
  const read = async () => {
    let text = ''
    for await (const piece of child.stdout.pipeThrough(new TextDecoderStream())) {
      text += piece
      const lines = text.split('\n')
      text = lines.pop() ?? ''
      logged.push(...lines.map((line) => JSON.parse(line) as Line))
      if (wanted.every((msg) => logged.some((line) => line.msg === msg))) arrived.resolve()
    }
    arrived.resolve()
  }
  const reading = read()
  return {
    child,
    logged,
    find: (msg: string) => logged.find((line) => line.msg === msg),
    async until(...messages: string[]) {
      wanted = messages
      const late = Bun.sleep(PATIENCE_MS).then(() => {
        throw new Error(`not logged in time: ${messages.join(', ')}: ${JSON.stringify(logged)}`)
      })
      await Promise.race([arrived.promise, late])
    },
    async stop() {
      child.kill('SIGTERM')
      await reading
      return child.exited
    },
  }
}

test('a start says what it doubts and whom it serves, opens its API to the whole token, and ends in peace', async () => {
  const bridge = start()
  await bridge.until('bridge ready', 'serving Lago', 'serving Dodo')

  const doubts = bridge.logged.filter(({ msg }) => msg === 'setting doubted')
  expect(doubts.map(({ doubt }) => doubt)).toEqual([
    'the bridge knows no LAGO_URL (LAGO_API_URL?)',
    expect.stringContaining('PUBLIC_URL is not set'),
  ])
  expect(bridge.find('serving Lago')).toMatchObject({
    organization: expect.any(String),
    lagoOrganizationId: expect.any(String),
  })
  expect(bridge.find('serving Dodo')).toMatchObject({
    mode: 'test',
    businessId: expect.stringMatching(/^(bus_|not told)/),
  })
  const port = String(bridge.find('bridge ready')?.['port'])
  const api = await fetch(`http://127.0.0.1:${port}/api/invoices/none`, {
    headers: { Authorization: `Bearer ${ADMIN_TOKEN}` },
  })
  expect(api.status).toBe(404)

  expect(await bridge.stop()).toBe(0)
  expect(bridge.find('stopped')).toBeDefined()
})

test('a start with a key that is refused names its variable, and is not ready', async () => {
  const bridge = start({ LAGO_API_KEY: 'revoked', LOG_LEVEL: 'info' })
  await bridge.until('bridge ready', 'key refused', 'serving Dodo')

  expect(bridge.find('key refused')).toMatchObject({ level: 50, variable: 'LAGO_API_KEY' })
  const port = String(bridge.find('bridge ready')?.['port'])
  const ready = await fetch(`http://127.0.0.1:${port}/ready`)
  expect(ready.status).toBe(503)
  expect(await ready.json()).toEqual({
    ready: false,
    missing: [expect.stringContaining('LAGO_API_KEY')],
  })
  expect(await bridge.stop()).toBe(0)
})

test('asked to stop before it has begun, it ends in peace and at once', async () => {
  const child = Bun.spawn([process.execPath, MAIN], { cwd: folder, stdout: 'pipe' })
  await untilCaught(child.pid, SIGTERM_BIT)

  child.kill('SIGTERM')

  expect(await child.exited).toBe(0)
  expect(await child.stdout.text()).toBe('')
})

/** Until the process would be told of this signal, instead of being ended by it. */
async function untilCaught(pid: number, bit: bigint) {
  for (;;) {
    const status = await readFile(`/proc/${pid}/status`, 'utf8')
    const caught = /^SigCgt:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? '0'
    if ((BigInt(`0x${caught}`) & bit) !== 0n) return
    await Bun.sleep(1)
  }
}
