import { readdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'

import { expect, test } from 'bun:test'

const DEMO = new URL('../../src/demo.ts', import.meta.url).pathname

const folders = async () =>
  (await readdir(tmpdir())).filter((name) => name.startsWith('bridge-demo-'))

const STEPS = [
  /✓ .*later Dodo has a checkout for exactly 120\.00 USD, carrying its lago_invoice_id/,
  /✓ Lago says \S+ is paid, with reference pay_/,
  /✓ Lago says \S+ has failed/,
  /✓ the retry opens attempt 2 in Dodo, for exactly 89\.00 EUR/,
  /✓ Lago has a credit note for exactly 25\.00 USD, linked to ACM-001-001/,
  /✓ the sweep finds it: Dodo has a checkout for exactly 45\.50 GBP/,
  /✓ both ledgers are read and compared: there is no difference/,
]

test('the demonstration does what it says, on a port of its own, and leaves nothing behind', async () => {
  const blocker = Bun.serve({ port: 0, fetch: () => new Response() })
  const takenPort = String(blocker.port)
  const child = Bun.spawn(['bun', DEMO, '--exit'], {
    env: { PATH: process.env['PATH'] ?? '', PORT: takenPort },
    cwd: '/',
    stdout: 'pipe',
    stderr: 'pipe',
  })
  const [out, err, exitCode] = await Promise.all([
    child.stdout.text(),
    child.stderr.text(),
    child.exited,
  ])
  await blocker.stop(true)

  expect({ exitCode, err, out }).toMatchObject({ exitCode: 0, err: '' })
  for (const step of STEPS) expect(out).toMatch(step)
  expect(out).toContain(`Port ${takenPort} is taken`)
  expect(out).not.toContain('\u001B[')
  const own = /bridge-demo-\w+/.exec(out)?.[0]
  expect(await folders()).not.toContain(own ?? '')
}, 90_000)
