import { readdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'

import { expect, test } from 'bun:test'

const DEMO = Bun.fileURLToPath(new URL('../../demo/main.ts', import.meta.url))

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

async function play(port: string, ...flags: string[]) {
  const child = Bun.spawn(['bun', DEMO, '--exit', ...flags], {
    env: { PATH: process.env['PATH'] ?? '', PORT: port },
    cwd: '/',
    stdout: 'pipe',
    stderr: 'pipe',
  })
  const [out, err, exitCode] = await Promise.all([
    child.stdout.text(),
    child.stderr.text(),
    child.exited,
  ])
  return { out, err, exitCode }
}

test('two demonstrations at once do what they say, on ports of their own, and leave nothing behind', async () => {
  const blocker = Bun.serve({ port: 0, fetch: () => new Response() })
  const takenPort = String(blocker.port)
  const played = await Promise.all([play(takenPort), play(takenPort, '--automatic')])
  await blocker.stop(true)

  for (const { out, err, exitCode } of played) {
    expect({ exitCode, err, out }).toMatchObject({ exitCode: 0, err: '' })
    for (const step of STEPS) expect(out).toMatch(step)
    expect(out).toContain(`Port ${takenPort} is taken`)
    expect(out).not.toContain('\u001B[')
    const own = /bridge-demo-\w+/.exec(out)?.[0]
    expect(await folders()).not.toContain(own ?? '')
  }
}, 90_000)

const SHOP_STEPS = [
  /✓ cart \S+ is ord_\w+, and its pay link leads to Dodo’s page/,
  /✓ the shop makes an order of the cart: \S+/,
  /✓ the card is declined \(INSUFFICIENT_FUNDS\), and the cart is no order/,
  /✓ both times it is the same refund of 5\.00 USD/,
  /✓ the bridge completes the cart, once: it is an order of the shop/,
  /✓ of every order shop, bridge and Dodo say the same/,
]

test('with --openfront a shop is served, without Lago, and nothing is left behind', async () => {
  const { out, err, exitCode } = await play('0', '--openfront')

  expect({ exitCode, err, out }).toMatchObject({ exitCode: 0, err: '' })
  for (const step of SHOP_STEPS) expect(out).toMatch(step)
  expect(out).not.toContain('Lago')
  const own = /bridge-demo-\w+/.exec(out)?.[0]
  expect(await folders()).not.toContain(own ?? '')
}, 120_000)
