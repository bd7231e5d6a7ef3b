import type { World } from '../../test/support/world.ts'
import { openWorld } from '../../test/support/world.ts'
import { countWorld, nothingCounted } from '../count.ts'
import { wellAgain } from '../model/acts-of-chance.ts'
import { inTime, within, type Suite } from './suite.ts'

/** `untilMs`: when one that goes on for as long as it may has to come to its end. */
type Blowing = { size: number; untilMs: number }
type Storm = { name: string; blow: (world: World, blowing: Blowing) => Promise<void> }

const UNLIMITED = '100000/s'
const AMOUNT = 5_000
const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const FIFTY = 50
const SIZES = { quick: 5, short: 40, long: 200 }
/** With less time than this for all of them, there are fewer invoices in each. */
const LONG_MS = 20 * MINUTE_MS
const MOST_HEARD = 20_000
const AT_MONTHS_END = { atOnce: 100, most: 10_000 }

const billMany = (world: World, size: number) =>
  Array.from({ length: size }, () => world.bill(AMOUNT).lago_id)

/** Every customer pays who has not yet, in the order in which their pages were opened. */
function payAll({ dodo }: World) {
  for (const [id, { paymentIds }] of dodo.store.sessions) if (paymentIds.length === 0) dodo.pay(id)
}

async function billAndPay(world: World, size: number) {
  billMany(world, size)
  await world.quiet()
  payAll(world)
  await world.quiet()
}

const STORMS: readonly Storm[] = [
  {
    name: 'every webhook is lost for an hour',
    async blow(world, { size }) {
      for (const { courier } of [world.lago, world.dodo]) courier.switches.lose = true
      billMany(world, size)
      await world.sweep()
      await world.quiet()
      payAll(world)
      world.advance(HOUR_MS)
      await world.quiet()
      wellAgain(world)
    },
  },
  {
    name: 'everything is delivered fifty-fold',
    async blow(world, { size }) {
      await billAndPay(world, size)
      for (const delivery of world.heard.slice())
        await Promise.all(Array.from({ length: FIFTY }, () => deliver(world, delivery)))
    },
  },
  {
    name: 'everything is delivered backwards',
    async blow(world, { size }) {
      await billAndPay(world, size)
      for (const { payment_id } of Array.from(world.dodo.store.payments.values()))
        world.dodo.refund(payment_id, 700)
      await world.quiet()
      for (const delivery of world.heard.toReversed()) await deliver(world, delivery)
    },
  },
  {
    name: 'everything is delivered twice, late and out of order',
    async blow(world, { size }) {
      for (const { courier } of [world.lago, world.dodo])
        Object.assign(courier.switches, { double: true, reorder: true, delayMs: 300 })
      await billAndPay(world, size)
    },
  },
  {
    name: 'both services answer 500 to half of all calls',
    async blow(world, { size }) {
      for (const { faults } of [world.lago, world.dodo])
        faults.add({ kind: 'status', status: 500, probability: 0.5 })
      await billAndPay(world, size)
    },
  },
  {
    name: 'both services answer 429 to half of all calls',
    async blow(world, { size }) {
      for (const { faults } of [world.lago, world.dodo])
        faults.add({ kind: 'status', status: 429, probability: 0.5 })
      // Each makes the bridge wait for as long as a limit may last, by every clock: this goes on, and never rests.
      billMany(world, size)
      await Bun.sleep(MINUTE_MS)
      payAll(world)
      await Bun.sleep(MINUTE_MS)
    },
  },
  {
    name: 'both services answer nothing for an hour',
    async blow(world, { size }) {
      billMany(world, size)
      await world.quiet()
      for (const { faults } of [world.lago, world.dodo]) faults.add({ kind: 'drop' })
      payAll(world)
      billMany(world, size)
      await world.quiet()
      world.advance(HOUR_MS)
      await world.quiet()
    },
  },
  {
    name: 'half of all answers are lost',
    async blow(world, { size }) {
      for (const { faults } of [world.lago, world.dodo])
        faults.add({ kind: 'after_drop', probability: 0.5 })
      await billAndPay(world, size)
    },
  },
  {
    name: 'both services do half of what changes something after a minute',
    async blow(world, { size }) {
      for (const { faults } of [world.lago, world.dodo])
        for (const method of ['POST', 'PUT'])
          faults.add({ kind: 'delay', ms: MINUTE_MS, probability: 0.5, match: { method } })
      // Nobody's clock is moved on: what is under way is under way for as long as it takes.
      await billAndPay(world, Math.min(size, 10))
      for (const { faults } of [world.lago, world.dodo]) faults.clear()
      await Bun.sleep(MINUTE_MS + 1_000)
    },
  },
  {
    name: 'the end of a month',
    async blow(world, { size, untilMs }) {
      do await billAndPay(world, Math.min(size, AT_MONTHS_END.atOnce))
      while (performance.now() < untilMs && world.lago.store.invoices.size < AT_MONTHS_END.most)
    },
  },
]

const deliver = (world: World, { url, headers, body }: World['heard'][number]) =>
  world.get(new URL(url).pathname, { method: 'POST', headers, body })

/** Much at once, and the network at its worst; then all is well, and both books must agree. */
export const storms: Suite = async ({ isQuick, forMs, say, tick }) => {
  const found: string[] = []
  const counts = nothingCounted()
  const size = isQuick ? SIZES.quick : forMs < LONG_MS ? SIZES.short : SIZES.long
  const chosen = isQuick ? STORMS.slice(0, 3) : STORMS
  const endsMs = performance.now() + forMs
  const ran = await inTime(chosen, { forMs, tick }, async ({ name, blow }) => {
    const startedMs = performance.now()
    const world = await openWorld({
      env: { DODO_RATE_LIMIT: UNLIMITED, LAGO_RATE_LIMIT: UNLIMITED },
      hears: MOST_HEARD,
      unproven: 'it is asked once the storm is over',
    })
    const limitMs = Math.max(10 * MINUTE_MS, forMs)
    try {
      await within(limitMs, name, blow(world, { size, untilMs: endsMs - MINUTE_MS }))
      await within(limitMs, `the calm after: ${name}`, calm(world))
      await world.assertProven()
      assertAllPaid(world)
    } catch (error) {
      found.push(`${name}: ${String(error)}`)
      say(`${name}: ${String(error)}`)
    }
    const seconds = Math.round((performance.now() - startedMs) / 1_000)
    say(`${name}: ${world.lago.store.invoices.size} invoices, ${seconds} s`)
    countWorld(counts, world)
    await world.close()
  })
  return { ...ran, counts, found }
}

/** All is well again; what was put off is taken up by the sweep, and who has not paid pays. */
async function calm(world: World) {
  for (const { faults } of [world.lago, world.dodo]) faults.clear()
  wellAgain(world)
  for (let looks = 0; looks < 3; looks += 1) {
    world.advance(HOUR_MS)
    await world.sweep()
    await world.quiet()
    payAll(world)
    await world.quiet()
  }
}

/** Nothing is missing: every invoice is paid in Lago, with one payment that Dodo holds. */
function assertAllPaid({ lago, dodo }: World) {
  const paid = Map.groupBy(
    [...dodo.store.payments.values()].filter(({ status }) => status === 'succeeded'),
    ({ metadata }) => metadata['lago_invoice_id'],
  )
  const missing = [...lago.store.invoices.values()].filter(
    ({ lago_id, payment_status }) => !paid.has(lago_id) || payment_status !== 'succeeded',
  )
  if (missing.length === 0) return
  const [first] = missing
  const inDodo = paid.has(first?.lago_id) ? 'paid' : 'not paid'
  throw new Error(
    `${missing.length} invoices are not paid in both books, such as ${first?.number}: ${first?.payment_status} in Lago, ${inDodo} in Dodo`,
  )
}
