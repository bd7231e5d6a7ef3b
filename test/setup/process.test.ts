import { afterAll, beforeAll, expect, test } from 'bun:test'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { createSandboxDodo, type SandboxDodo } from '../../sandbox/dodo/dodo.ts'
import { createSandboxLago, type SandboxLago } from '../../sandbox/lago/lago.ts'
import { createTestDatabase, type TestDatabase } from '../support/database.ts'
import { DODO_KEY, HMAC_KEY, LAGO_KEY, WEBHOOK_SECRET } from '../support/world.ts'

const fileOf = (path: string) => Bun.fileURLToPath(new URL(`../../${path}`, import.meta.url))
const PATIENCE_MS = 40_000

let database: TestDatabase
let lago: SandboxLago
let dodo: SandboxDodo
let folder: string
let environment: Record<string, string>
const servers: ReturnType<typeof Bun.serve>[] = []

const listen = (app: { fetch: (request: Request) => Response | Promise<Response> }) => {
  const server = Bun.serve({ port: 0, hostname: '127.0.0.1', fetch: (one) => app.fetch(one) })
  servers.push(server)
  return `http://127.0.0.1:${server.port}`
}

/** A port that was free a moment ago. */
async function freePort() {
  const server = Bun.serve({ port: 0, hostname: '127.0.0.1', fetch: () => new Response() })
  const { port } = server
  await server.stop(true)
  return String(port)
}

beforeAll(async () => {
  database = await createTestDatabase()
  lago = createSandboxLago({ apiKey: LAGO_KEY, hmacKey: HMAC_KEY, publicUrl: 'http://lago.test' })
  dodo = createSandboxDodo({
    apiKey: DODO_KEY,
    webhookSecret: WEBHOOK_SECRET,
    publicUrl: 'http://dodo.test',
  })
  folder = await mkdtemp(join(tmpdir(), 'bridge-setup-'))
  const port = await freePort()
  environment = {
    PATH: process.env['PATH'] ?? '',
    NO_PROXY: '127.0.0.1',
    PORT: port,
    PUBLIC_URL: `http://127.0.0.1:${port}`,
    LAGO_API_URL: listen(lago.app),
    LAGO_API_KEY: LAGO_KEY,
    DODO_API_URL: listen(dodo.app),
    DODO_API_KEY: DODO_KEY,
  }
})
afterAll(async () => {
  lago.stop()
  dodo.stop()
  await Promise.all(servers.map((server) => server.stop(true)))
  await rm(folder, { recursive: true, force: true })
  await database.drop()
})

async function bridge(args: string[], env: Record<string, string> = environment) {
  const command = [process.execPath, fileOf('src/cli.ts'), ...args]
  const child = Bun.spawn(command, { env, cwd: folder, stdout: 'pipe', stderr: 'pipe' })
  const [out, err, exitCode] = await Promise.all([
    child.stdout.text(),
    child.stderr.text(),
    child.exited,
  ])
  return { out, err, exitCode }
}

test('with two keys and an address, setup leaves a bridge that collects an invoice by the webhooks of both', async () => {
  await writeFile(
    join(folder, '.env'),
    `LAGO_WEBHOOK_HMAC_KEY=${HMAC_KEY}\nDATABASE_URL=${database.url}\n`,
  )

  const unasked = await bridge(['setup'])
  const done = await bridge(['setup', '--yes', '--env-file', '.env'])
  const again = await bridge(['setup', '--env-file', '.env'])

  expect(unasked).toMatchObject({ exitCode: 2, out: expect.stringContaining('--yes') })
  expect(done).toMatchObject({ exitCode: 0, err: '' })
  expect(done.out).toContain('DODO_WEBHOOK_SECRET was saved.')
  expect(done.out).not.toContain('whsec_')
  expect(await readFile(join(folder, '.env'), 'utf8')).toMatch(/\nDODO_WEBHOOK_SECRET=whsec_.+\n$/)
  expect(again).toMatchObject({ exitCode: 0, out: expect.stringContaining('Nothing to change.') })

  const settings: Record<string, string> = { ...environment, RECONCILE_EVERY: '1h' }
  const server = Bun.spawn([process.execPath, fileOf('src/main.ts')], {
    env: settings,
    cwd: folder,
    stdout: 'ignore',
    stderr: 'inherit',
  })
  try {
    await eventually(() =>
      fetch(`${settings['PUBLIC_URL']}/ready`).then(
        ({ ok }) => ok,
        () => false,
      ),
    )
    lago.createCustomer({ external_id: 'a', name: 'A', email: 'a@a.example', country: 'US' })
    const invoice = lago.createInvoice({ externalCustomerId: 'a', fees: [{ amountCents: 900 }] })
    await eventually(() => dodo.store.sessions.size === 1)
    const [sessionId = ''] = dodo.store.sessions.keys()
    dodo.pay(sessionId)
    await eventually(() =>
      lago.store.payments.some(({ invoice: one }) => one.lago_id === invoice.lago_id),
    )
    await eventually(async () => (await bridge(['doctor', '--only', 'sweep'])).out.startsWith('ok'))
    const looked = await bridge(['doctor', '--json'])
    const diagnoses = JSON.parse(looked.out) as { id: string; verdict: string; evidence: string }[]
    expect(diagnoses.filter(({ verdict }) => verdict === 'fail')).toEqual([])
    expect(looked).toMatchObject({ exitCode: 0, err: '' })
    expect(diagnoses.find(({ id }) => id === 'clock')).toMatchObject({
      verdict: 'ok',
      evidence: 'within 1 s of Dodo, within 1 s of Lago',
    })
    expect(diagnoses.find(({ id }) => id === 'body_limit')).toMatchObject({ verdict: 'ok' })
  } finally {
    server.kill('SIGTERM')
    await server.exited
  }
}, 180_000)

test('doctor says what is wrong in settings that no bridge starts with, and that no bridge is there', async () => {
  const [unset, away, unagreed] = await Promise.all([
    bridge(['doctor'], {
      PATH: environment['PATH'] ?? '',
      DODO_ENVIRONMENT: 'prod',
      DODO_WEBHOOK_SECRET: 'x',
    }),
    bridge(['doctor', '--quiet'], { ...environment, PUBLIC_URL: 'http://127.0.0.1:9' }),
    bridge(['doctor', '--probe']),
  ])

  expect(unset.exitCode).toBe(1)
  expect(unset.out).toMatch(/^FAIL {2}settings +The configuration is not complete:/)
  expect(unset.out).toContain('LAGO_API_KEY: is required')
  expect(unset.out).toContain('because settings failed')
  expect(unagreed).toMatchObject({ exitCode: 2, out: expect.stringContaining('with --yes') })
  expect(away.exitCode).toBe(1)
  expect(away.out).toMatch(/^FAIL {2}public_url +http:\/\/127.0.0.1:9\/health/m)
  expect(away.out).not.toMatch(/^ok/m)
})

test('wrong usage ends with exit code 2, and a setting that is missing with 1', async () => {
  const [badOption, badCurrency, unset] = await Promise.all([
    bridge(['setup', '--force']),
    bridge(['setup', '--currencies', 'dollars']),
    bridge(['setup'], { PATH: environment['PATH'] ?? '' }),
  ])

  expect(badOption.exitCode).toBe(2)
  expect(badCurrency).toMatchObject({ exitCode: 2, err: expect.stringContaining('like USD,EUR') })
  expect(unset).toMatchObject({
    exitCode: 1,
    err: expect.stringContaining('LAGO_API_KEY: is required'),
  })
})

async function eventually(check: () => boolean | Promise<boolean>) {
  const deadline = performance.now() + PATIENCE_MS
  while (!(await check())) {
    if (performance.now() > deadline) throw new Error(`not in time: ${check.toString()}`)
    await Bun.sleep(50)
  }
}

test('a secret that is kept in a file of its own is printed and not saved beside it: a bridge with both does not start', async () => {
  const [settings, secret] = [join(folder, 'own.env'), join(folder, 'secret')]
  await rm(join(folder, '.env'), { force: true })
  await writeFile(secret, 'whsec_AAAA\n')
  await writeFile(settings, `DODO_WEBHOOK_SECRET_FILE=${secret}\n`)

  const { out, exitCode } = await bridge(['setup', '--yes', '--env-file', settings])

  expect(exitCode).toBe(0)
  expect(out).toContain('DODO_WEBHOOK_SECRET could not be saved: DODO_WEBHOOK_SECRET_FILE is set')
  expect(out).toMatch(/DODO_WEBHOOK_SECRET=whsec_.+,whsec_AAAA/)
  expect(await readFile(settings, 'utf8')).toBe(`DODO_WEBHOOK_SECRET_FILE=${secret}\n`)
})
