import { afterAll, beforeAll, expect, test } from 'bun:test'
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { z } from 'zod'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const PROGRAM = join(import.meta.dir, 'print-environment.ts')
const FILE = `# keys
ADMIN_TOKEN=Tr0ub4dor9$horse$battery
DODO_API_KEY=abc#def$$
DATABASE_URL="postgres://u:pa$word$1x@db/bridge"\r
LOG_LEVEL=warn
HTTPS_PROXY='http://proxy.example:3128'
`
const Environment = z.record(z.string(), z.string().optional())
const Printed = z.object({
  environment: Environment,
  problems: z.array(z.string()),
  own: Environment,
})

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'bridge-env-'))
  await writeFile(join(folder, '.env'), FILE)
  await writeFile(join(folder, '.env.local'), 'LOG_LEVEL=trace\n')
})
afterAll(() => rm(folder, { recursive: true, force: true }))

async function run(args: string[], env: Record<string, string> = {}) {
  const child = Bun.spawn([process.execPath, ...args], {
    cwd: folder,
    env: { PATH: process.env['PATH'] ?? '', ...env },
  })
  return Printed.parse(JSON.parse(await child.stdout.text()))
}

const WHOLE = {
  ADMIN_TOKEN: 'Tr0ub4dor9$horse$battery',
  DODO_API_KEY: 'abc#def$$',
  DATABASE_URL: '"postgres://u:pa$word$1x@db/bridge"',
  LOG_LEVEL: 'warn',
}

// Elsewhere than on Linux nobody knows what was there before Bun read the file; there it is refused.
test.skipIf(process.platform !== 'linux')(
  'a value of .env is what stands there, though Bun has read the file before',
  async () => {
    const { environment, problems } = await run([PROGRAM])

    expect(environment).toMatchObject(WHOLE)
    expect(problems).toEqual([])
  },
)

test('the folder of the bridge tells Bun not to read .env', async () => {
  await cp(join(ROOT, 'bunfig.toml'), join(folder, 'bunfig.toml'))

  const { environment, own } = await run([PROGRAM], { LOG_LEVEL: 'error' })

  expect(environment).toMatchObject({ ...WHOLE, LOG_LEVEL: 'error' })
  expect(own['HTTPS_PROXY']).toBe('http://proxy.example:3128')
  await rm(join(folder, 'bunfig.toml'))
})

test('the environment comes before the file, also where it says nothing', async () => {
  const { environment } = await run(['--no-env-file', PROGRAM], { ADMIN_TOKEN: '' })

  expect(environment).toMatchObject({ ...WHOLE, ADMIN_TOKEN: '' })
})
