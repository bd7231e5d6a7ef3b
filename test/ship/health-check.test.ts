import { afterAll, expect, test } from 'bun:test'
import { fileURLToPath } from 'node:url'

const PROGRAM = fileURLToPath(new URL('../../src/health-check.ts', import.meta.url))

let status = 200
const bridge = Bun.serve({
  port: 0,
  hostname: '127.0.0.1',
  fetch: ({ url }) => new Response('{}', { status: url.endsWith('/health') ? status : 404 }),
})
const asked: string[] = []
const proxy = Bun.serve({
  port: 0,
  hostname: '127.0.0.1',
  fetch: ({ url }) => {
    asked.push(url)
    return new Response('no', { status: 502 })
  },
})
afterAll(() => Promise.all([bridge.stop(true), proxy.stop(true)]))

const check = (port: string) =>
  Bun.spawn([process.execPath, '--no-env-file', PROGRAM], {
    env: { PORT: port, HTTP_PROXY: `http://127.0.0.1:${proxy.port}`, NO_PROXY: 'localhost' },
  }).exited

test('the health check asks the bridge itself, whatever proxy there is', async () => {
  expect(await check(`${bridge.port}`)).toBe(0)
  expect(await check(`"${bridge.port}"\r`)).toBe(0)

  status = 503
  expect(await check(`${bridge.port}`)).toBe(1)
  expect(await check('1')).toBe(1)
  expect(asked).toEqual([])
})
