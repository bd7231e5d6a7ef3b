import { afterAll, afterEach, beforeAll, describe, expect, test } from 'bun:test'

import { keyOf, LOCATION, openInstallWorld, type InstallWorld } from './support.ts'

const PROVIDER = '/payments/custom-provider/provider'
const CONNECT = '/payments/custom-provider/connect'
const DISCONNECT = '/payments/custom-provider/disconnect'

let world: InstallWorld
beforeAll(async () => {
  world = await openInstallWorld()
})
afterEach(() => {
  world.highlevel.faults.clear()
  world.highlevel.store.integrations.clear()
})
afterAll(() => world.close())

const isRight = () => {
  expect(world.integration()).toMatchObject({
    queryUrl: 'http://bridge.test/highlevel/query',
    keys: { live: null, test: { apiKey: keyOf('test') } },
  })
}
/** Calls that change the location's record since `from`. */
const writesSince = (from: number) =>
  world
    .writes()
    .slice(from)
    .filter((one) => one.includes('custom-provider'))

describe('a location is connected, and nothing that is there is made again', () => {
  test.each([
    ['the record', PROVIDER, ['after_drop', 'after_status'] as const],
    ['the keys', CONNECT, ['after_drop', 'after_status'] as const],
    ['what is disconnected', DISCONNECT, ['after_drop', 'after_status'] as const],
  ])('although the answer about %s is lost', async (_what, path, kinds) => {
    for (const kind of kinds) {
      world.highlevel.store.integrations.clear()
      const from = world.writes().length
      world.highlevel.faults.add({ kind, match: { method: 'POST', path }, times: 1 })

      await world.install()
      await world.until(({ connectedAs }) => connectedAs !== null)

      isRight()
      expect(writesSince(from)).toEqual([
        `POST ${PROVIDER}`,
        `POST ${CONNECT}`,
        `POST ${DISCONNECT}`,
      ])
    }
  })

  test('although HighLevel is away for a while', async () => {
    world.highlevel.faults.add({ kind: 'status', status: 503, match: { path: CONNECT }, times: 2 })

    await world.install()
    await world.until(({ connectedAs }) => connectedAs !== null)

    isRight()
  })
})

describe('what HighLevel refuses', () => {
  test('is shown, and tried again by the sweep', async () => {
    world.highlevel.faults.add({ kind: 'status', status: 422, match: { path: PROVIDER } })
    await world.install()
    const refused = await world.until(({ problem }) => problem !== null)
    expect(refused).toMatchObject({ state: 'installed', connectedAs: null })

    world.highlevel.faults.clear()
    await world.sweep()
    await world.until(({ connectedAs, problem }) => connectedAs !== null && problem === null)

    isRight()
  })
})

test('the sweep puts nothing right that is right', async () => {
  await world.install()
  await world.until(({ connectedAs }) => connectedAs !== null)
  await world.quiet()
  const from = world.requests.length

  await world.sweep()
  await world.quiet()

  const asked = world.requests
    .slice(from)
    .filter(({ url }) => new URL(url).host === 'highlevel.test' && url.includes(LOCATION))
  expect(asked).toEqual([])
})
