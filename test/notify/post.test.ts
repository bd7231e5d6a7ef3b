import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'bun:test'

import { ConfigError, readConfig } from '../../src/config.ts'
import { post } from '../../src/notify/post.ts'
import { DODO_KEY, HMAC_KEY, LAGO_KEY, openWorld, WEBHOOK_SECRET } from '../support/world.ts'
import { openReceiver, type Receiver } from './support.ts'

const CLI = Bun.fileURLToPath(new URL('../../src/cli.ts', import.meta.url))
const REQUIRED = {
  LAGO_API_KEY: LAGO_KEY,
  LAGO_WEBHOOK_HMAC_KEY: HMAC_KEY,
  DODO_API_KEY: DODO_KEY,
  DODO_WEBHOOK_SECRET: WEBHOOK_SECRET,
}
const AT = new Date('2026-12-03T14:05:31Z')
const told = { id: 'ntf_1', type: 'test', at: AT, text: 'a <!channel> b', data: { mode: 'test' } }

let receiver: Receiver
beforeAll(() => {
  receiver = openReceiver()
})
beforeEach(() => {
  receiver.received.length = 0
  receiver.behaviour.answer = () => new Response('ok')
})
afterAll(() => receiver.close())

const alerts = (changes: Record<string, string> = {}) => {
  const { url = receiver.url, ...rest } = readConfig({
    ...REQUIRED,
    ALERT_WEBHOOK_URL: receiver.url,
    ...changes,
  }).alerts
  return { url, ...rest }
}
const send = (changes?: Record<string, string>) => post(fetch, alerts(changes), told, AT)

describe('post', () => {
  test('a program reads an event, not signed where there is no secret', async () => {
    expect(await send()).toEqual({ status: 200, answer: 'ok' })

    const [one] = receiver.received
    expect(one?.body as object).toEqual({
      type: 'test',
      timestamp: '2026-12-03T14:05:31.000Z',
      text: 'a <!channel> b',
      data: { mode: 'test' },
    })
    expect(one?.headers.get('webhook-id')).toBe('ntf_1')
    expect(one?.headers.get('webhook-signature')).toBeNull()
  })

  test('a chat is told a text alone, which calls nobody', async () => {
    await send({ ALERT_FORMAT: 'slack' })

    expect(receiver.received[0]?.body as object).toEqual({ text: 'a ‹!channel› b' })
  })

  test('an answer that goes on for ever is not waited for', async () => {
    receiver.behaviour.answer = () =>
      new Response(
        new ReadableStream({
          pull: (controller) => controller.enqueue(new Uint8Array(32 * 1024).fill(120)),
        }),
      )

    expect(await send()).toMatchObject({ status: 200 })
  })

  test('whoever does not answer within five seconds has not taken it', async () => {
    receiver.behaviour.answer = () => new Promise(() => undefined)

    expect(await send().catch(String)).toBe('NotTaken: it did not answer within 5 s')
  })

  test('an address where nobody is is not named in the error, because it may be a secret', async () => {
    const failure = await send({ ALERT_WEBHOOK_URL: 'http://127.0.0.1:9/secret' }).catch(String)

    expect(failure).toBe('NotTaken: it cannot be reached')
  })
})

describe('the settings', () => {
  test.each([
    ['ALERT_WEBHOOK_URL', 'http://chat.example/hook', 'use https'],
    ['ALERT_WEBHOOK_URL', 'https://user:word@chat.example/hook', 'without a name and a password'],
    ['ALERT_WEBHOOK_URL', 'https://discord.com/api/webhooks/1/x', 'append /slack'],
    ['ALERT_WEBHOOK_SECRET', 'secret', 'starts with whsec_'],
    ['ALERT_EVENTS', 'invoice.attention,invoice.paid', 'write some of invoice.attention'],
    ['ALERT_FORMAT', 'discord', 'write auto, standard or slack'],
    ['ALERT_SUMMARY_AT', '7:30', 'like 07:30'],
  ])('%s=%s is refused, with what to write', (name, value, advice) => {
    const read = () => readConfig({ ...REQUIRED, [name]: value })

    expect(read).toThrow(ConfigError)
    expect(read).toThrow(advice)
  })

  test('a summary is told to whoever says when', () => {
    expect(alerts().types).not.toContain('daily_summary')
    expect(alerts({ ALERT_SUMMARY_AT: '07:30' }).types).toContain('daily_summary')
    expect(alerts({ ALERT_EVENTS: 'job.buried' }).types).toEqual(['job.buried'])
  })
})

test('a day is summed up once, at its time, by currency', async () => {
  const tomorrow = new Date(Date.now() + 24 * 3_600_000).toISOString().slice(0, 10)
  const world = await openWorld({
    env: { ALERT_WEBHOOK_URL: receiver.url, ALERT_SUMMARY_AT: '12:00' },
  })
  const paid = world.bill(12_000)
  const { sessionId } = await world.openCheckout(paid.lago_id)
  world.dodo.pay(sessionId)
  await world.eventually(paid.lago_id, ({ state }) => state === 'paid')
  const open = world.bill(4_500, { currency: 'EUR' })
  await world.openCheckout(open.lago_id)
  world.advance(Date.parse(`${tomorrow}T12:10:00Z`) - Date.now())

  await world.bridge.watch()
  await world.bridge.watch()
  await receiver.until(() => receiver.ofType('daily_summary').length > 0)
  await world.quiet()

  expect(receiver.ofType('daily_summary')).toHaveLength(1)
  const [summary] = receiver.ofType('daily_summary')
  expect(summary?.body.text).toContain('open 45.00 EUR')
  expect(summary?.body.text).toContain('0 in attention')
  await world.close()
})

describe('bridge notify-test', () => {
  const run = async (env: Record<string, string>) => {
    const child = Bun.spawn(['bun', CLI, 'notify-test'], {
      env: { PATH: process.env['PATH'] ?? '', NO_PROXY: '127.0.0.1', ...REQUIRED, ...env },
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

  test('sends one, and prints what the receiver answers', async () => {
    const { out, exitCode } = await run({ ALERT_WEBHOOK_URL: receiver.url })
    receiver.behaviour.answer = () => new Response('no_team', { status: 404 })
    const refused = await run({ ALERT_WEBHOOK_URL: receiver.url })
    const nobody = await run({})

    expect(receiver.ofType('test')).toHaveLength(2)
    expect(exitCode).toBe(0)
    expect(out).toMatch(/^127\.0\.0\.1:\d+ took ntf_[0-9a-f]{32} \(200\): ok\n$/)
    expect(refused.exitCode).toBe(1)
    expect(refused.out).toContain('did not take it: it answered 404: no_team')
    expect(nobody).toMatchObject({
      exitCode: 1,
      out: expect.stringContaining('set ALERT_WEBHOOK_URL'),
    })
  })
})
