import { expect, test } from 'bun:test'

const DEMO = Bun.fileURLToPath(new URL('../../demo/main.ts', import.meta.url))

const STEPS = [
  /✓ HighLevel has the provider, with the keys of test mode, and none of live mode/,
  /✓ HighLevel asks the bridge, and marks the transaction as succeeded/,
  /✓ the page says that the card was declined, and can be tried again/,
  /✓ somebody presses Refund in HighLevel for 10\.00: Dodo gives back exactly that, once/,
  /✓ HighLevel asks, and is told/,
  /✓ nobody asks: the bridge tells HighLevel by itself, which marks it as succeeded/,
]

test('the demonstration for agencies does what it says, and leaves nothing behind', async () => {
  const child = Bun.spawn(['bun', DEMO, '--highlevel', '--exit'], {
    env: { PATH: process.env['PATH'] ?? '', PORT: '0' },
    cwd: '/',
    stdout: 'pipe',
    stderr: 'pipe',
  })
  const [out, err, exitCode] = await Promise.all([
    child.stdout.text(),
    child.stderr.text(),
    child.exited,
  ])
  expect({ exitCode, err, out }).toMatchObject({ exitCode: 0, err: '' })
  for (const step of STEPS) expect(out).toMatch(step)
}, 120_000)
