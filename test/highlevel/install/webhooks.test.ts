import { sign } from 'node:crypto'

import { afterAll, beforeAll, describe, expect, test } from 'bun:test'

import { signingKey } from '../../../sandbox/highlevel/api/webhooks.ts'
import { keyOf, LOCATION, openInstallWorld, type InstallWorld } from './support.ts'

let world: InstallWorld
beforeAll(async () => {
  world = await openInstallWorld()
})
afterAll(() => world.close())

const { privateKey } = signingKey(Buffer.alloc(32, 0x07))
const signed = (body: string) => sign(null, Buffer.from(body), privateKey).toString('base64')
const event = (type: string, fields: Record<string, unknown> = {}) =>
  JSON.stringify({ type, appId: 'app_demo_1', locationId: LOCATION, ...fields })
const deliver = (body: string, signature: string | null = signed(body)) =>
  world.deliver(body, signature)
const isKnown = async () =>
  (await world.access().findLocationByKey('apiKey', keyOf('test'))) !== undefined
let count = 0
const newId = () => `wh_${(count += 1)}`

describe('POST /webhooks/highlevel', () => {
  test('takes what HighLevel has signed, once', async () => {
    const body = event('PLAN_CHANGE', { webhookId: newId() })

    expect(await (await deliver(body)).json()).toEqual({ received: true, duplicate: false })
    expect(await (await deliver(body)).json()).toEqual({ received: true, duplicate: true })
  })

  test('takes the vector of HighLevel’s own key pair', async () => {
    const body =
      '{"type":"UNINSTALL","appId":"app_demo_1","locationId":"loc_of_nobody","timestamp":"2026-11-20T10:00:00.000Z","webhookId":"wh_demo_1"}'

    expect((await deliver(body)).status).toBe(200)
  })

  const body = event('UNINSTALL', { webhookId: 'wh_never' })
  test.each([
    ['without a signature', body, null],
    ['unsigned, as HighLevel says it', body, 'N/A'],
    ['with a signature of something else', body, signed(`${body} `)],
    ['written again', JSON.stringify(JSON.parse(body), null, 2), signed(body)],
    ['with a signature in another alphabet', body, signed(body).replace('==', '')],
    ['with a signature that is cut', body, signed(body).slice(0, 40)],
  ])('refuses a body %s, and stores nothing', async (_what, sent, signature) => {
    expect((await deliver(sent, signature)).status).toBe(401)
    expect(await deliver(body).then((response) => response.json())).toMatchObject({
      duplicate: false,
    })
    await world.bridge.db.execute(`delete from deliveries where delivery_id = 'wh_never'`)
  })

  test('believes no older signature beside the missing one', async () => {
    const headers = { 'X-WH-Signature': signed(body), 'Content-Type': 'application/json' }

    const response = await world.get('/webhooks/highlevel', { method: 'POST', headers, body })

    expect(response.status).toBe(401)
  })

  test('refuses what is no event, and what is too large', async () => {
    expect((await deliver('[]')).status).toBe(400)
    expect((await deliver('not json')).status).toBe(400)
    const id = String.raw`{"type":"UNINSTALL","webhookId":"a\u0000b"}`
    expect((await deliver(id)).status).toBe(400)
    expect((await deliver(`{"type":"X","filler":"${'x'.repeat(1024 * 1024)}"}`)).status).toBe(413)
  })

  test('has no other method', async () => {
    const response = await world.get('/webhooks/highlevel')

    expect(response.status).toBe(405)
    expect(response.headers.get('allow')).toBe('POST')
  })
})

describe('UNINSTALL', () => {
  test('ends the keys at once and deletes the tokens, and a reinstallation begins anew', async () => {
    await world.install()
    expect(await isKnown()).toBe(true)

    const body = event('UNINSTALL', { webhookId: newId() })
    await deliver(body)
    expect(await isKnown()).toBe(false)
    await world.until(({ state }) => state === 'uninstalled')
    expect(await world.tokensOf(LOCATION)).toBeUndefined()

    await world.install()
    expect(await isKnown()).toBe(true)
    expect(await (await deliver(body)).json()).toMatchObject({ duplicate: true })
    await world.quiet()
    expect(await isKnown()).toBe(true)
  })

  test('without an id of its own, the same bytes again do nothing after a reinstallation', async () => {
    await world.install()
    const body = event('UNINSTALL')
    world.highlevel.store.tokens.clear()
    await deliver(body)
    await world.until(({ state }) => state === 'uninstalled')
    await world.install()

    expect(await (await deliver(body)).json()).toMatchObject({ duplicate: true })
    await world.quiet()
    expect(await isKnown()).toBe(true)
  })

  test('without an id of its own, the same bytes again end the installation that HighLevel says is over', async () => {
    const body = event('UNINSTALL', { companyName: 'Demo Agency' })
    for (const _ of ['the first time', 'again', 'and again']) {
      await world.install()
      await deliver(body)
      await world.quiet()
      world.highlevel.store.tokens.clear()
      await deliver(body)
      await world.until(({ state }) => state === 'uninstalled')
      expect(await isKnown()).toBe(false)
    }
  })

  test('of another app, under the key with which HighLevel signs for all, does nothing', async () => {
    await world.install()

    const body = event('UNINSTALL', { appId: 'app_of_a_stranger', webhookId: newId() })
    expect((await deliver(body)).status).toBe(200)
    await world.quiet()

    expect(await isKnown()).toBe(true)
    expect(await world.tokensOf(LOCATION)).toBeDefined()
  })

  test('that names no app ends only what HighLevel says is over', async () => {
    await world.install()

    await deliver(event('UNINSTALL', { appId: undefined, webhookId: newId() }))
    await world.quiet()
    expect(await isKnown()).toBe(true)

    world.highlevel.store.tokens.clear()
    await deliver(event('UNINSTALL', { appId: undefined, webhookId: newId() }))
    await world.until(({ state }) => state === 'uninstalled')
  })

  test('that comes only after the reinstallation that followed it does nothing', async () => {
    await world.install()
    const between = new Date(Date.now() + 1).toISOString()
    await Bun.sleep(5)
    await world.install()

    await deliver(event('UNINSTALL', { timestamp: between, webhookId: newId() }))
    await world.quiet()

    expect(await isKnown()).toBe(true)
  })

  test('that names no time, and comes first after the reinstallation that followed it, does nothing', async () => {
    await world.install()
    await world.install()

    await deliver(event('UNINSTALL', { webhookId: newId() }))
    await world.quiet()
    expect(await isKnown()).toBe(true)
    expect(await world.tokensOf(LOCATION)).toBeDefined()

    world.highlevel.store.tokens.clear()
    await deliver(event('UNINSTALL', { webhookId: newId() }))
    await world.until(({ state }) => state === 'uninstalled')
  })

  test('ends the installation that it is about, and none that follows in the very moment in which it is read', async () => {
    for (let round = 0; round < 12; round += 1) {
      await world.install()
      await world.until(({ connectedAs }) => connectedAs !== null)

      await deliver(event('UNINSTALL', { webhookId: newId() }))
      await Bun.sleep(round)
      await world.install()
      await world.quiet()

      expect([round, await isKnown()]).toEqual([round, true])
      expect(await world.tokensOf(LOCATION)).toBeDefined()
    }
  })

  test('with a clock that is behind is believed all the same', async () => {
    world.highlevel.store.tokens.clear()
    await deliver(event('UNINSTALL', { webhookId: newId() }))
    await world.until(({ state }) => state === 'uninstalled')
    await world.install()

    await deliver(event('UNINSTALL', { timestamp: '2020-01-01T00:00:00.000Z', webhookId: newId() }))

    await world.until(({ state }) => state === 'uninstalled')
  })
})

describe('INSTALL', () => {
  test('doubled, or later than its UNINSTALL, gives nobody a key', async () => {
    await world.install()
    await deliver(event('UNINSTALL', { timestamp: new Date().toISOString(), webhookId: newId() }))
    await world.until(({ state }) => state === 'uninstalled')

    const body = event('INSTALL', { timestamp: '2026-01-01T00:00:00.000Z', webhookId: newId() })
    await deliver(body)
    await deliver(body)
    await world.quiet()

    expect(await world.find()).toMatchObject({ state: 'uninstalled' })
    expect(await isKnown()).toBe(false)
  })

  test('of a location whose tokens we have changes nothing', async () => {
    await world.install()
    await world.quiet()
    const writes = world.writes().length

    await deliver(event('INSTALL', { webhookId: newId() }))
    await world.quiet()

    expect(world.writes()).toHaveLength(writes)
    expect(await isKnown()).toBe(true)
  })
})

test('an operator who puts an old UNINSTALL through again ends no installation', async () => {
  const id = newId()
  await deliver(event('UNINSTALL', { webhookId: id }))
  await world.until(({ state }) => state === 'uninstalled')
  await world.install()

  const response = await world.get(`/api/deliveries/highlevel/${id}/replay`, {
    method: 'POST',
    headers: { Authorization: 'Bearer operator-token' },
  })
  expect(response.status).toBe(202)
  await world.quiet()

  expect(await isKnown()).toBe(true)
})
