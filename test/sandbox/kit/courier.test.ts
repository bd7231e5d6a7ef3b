import { describe, expect, test } from 'bun:test'
import { createCourier } from '../../../sandbox/kit/courier.ts'
import { requestOf } from '../dodo/support.ts'

type Arrival = { body: string; headers: Headers }

function courierTo(answer: (count: number) => number, retryDelaysMs = [5, 5]) {
  const arrivals: Arrival[] = []
  const courier = createCourier({
    async fetch(input, init) {
      const request = requestOf(input, init)
      arrivals.push({ body: await request.text(), headers: request.headers })
      const status = answer(arrivals.length)
      if (status === 0) throw new TypeError('connection refused')
      return new Response(null, { status })
    },
    retryDelaysMs,
    timeoutMs: 1_000,
    isSuccess: (status) => status === 200,
  })
  return { courier, arrivals }
}

function message(body: string | (() => string)) {
  return { url: 'http://bridge.test/webhooks', headers: () => ({ 'x-id': '1' }), body, type: 't' }
}

/** What was to come is waited for; this is for what must not. */
const NOTHING_MORE_MS = 80

async function until(isSo: () => boolean) {
  while (!isSo()) await Bun.sleep(2)
}

describe('createCourier', () => {
  test('what is refused is tried again on the schedule and then given up', async () => {
    const { courier, arrivals } = courierTo(() => 503)
    courier.send(message('a'))
    await until(() => courier.log.length === 3)
    await Bun.sleep(NOTHING_MORE_MS)

    expect(arrivals).toHaveLength(3)
    expect(courier.log.map(({ attempt, status }) => [attempt, status])).toEqual([
      [1, 503],
      [2, 503],
      [3, 503],
    ])
  })

  test('what is accepted is not tried again', async () => {
    const { courier, arrivals } = courierTo((count) => (count === 1 ? 0 : 200))
    courier.send(message('a'))
    await until(() => courier.log.length === 2)
    await Bun.sleep(NOTHING_MORE_MS)

    expect(arrivals).toHaveLength(2)
    expect(courier.log.map(({ status }) => status)).toEqual(['error', 200])
  })

  test('every attempt carries the body as it is by then', async () => {
    let state = 'processing'
    const { courier, arrivals } = courierTo((count) => (count === 1 ? 500 : 200), [20])
    courier.send(message(() => state))
    await courier.idle()
    state = 'succeeded'
    await until(() => courier.log.length === 2)

    expect(arrivals.map(({ body }) => body)).toEqual(['processing', 'succeeded'])
  })

  test('what is lost is neither delivered nor tried again', async () => {
    const { courier, arrivals } = courierTo(() => 200)
    courier.switches.lose = true
    courier.send(message('a'))
    await courier.idle()
    courier.switches.lose = false
    await Bun.sleep(NOTHING_MORE_MS)

    expect(arrivals).toHaveLength(0)
    expect(courier.log.map(({ status }) => status)).toEqual(['lost'])
  })

  test('doubling sends the same message twice', async () => {
    const { courier, arrivals } = courierTo(() => 200)
    courier.switches.double = true
    courier.send(message('a'))
    await courier.idle()

    expect(arrivals.map(({ body }) => body)).toEqual(['a', 'a'])
  })

  test('reordering lets a later message overtake, and holds none back for ever', async () => {
    const { courier, arrivals } = courierTo(() => 200)
    courier.switches.reorder = true
    courier.send(message('first'))
    courier.send(message('second'))
    courier.send(message('third'))
    await courier.idle()

    expect(arrivals.map(({ body }) => body)).toEqual(['second', 'first', 'third'])
  })

  test('a stopped courier delivers nothing more', async () => {
    const { courier, arrivals } = courierTo(() => 500)
    courier.send(message('a'))
    await courier.idle()
    courier.stop()
    courier.send(message('b'))
    await Bun.sleep(NOTHING_MORE_MS)

    expect(arrivals).toHaveLength(1)
  })
})
