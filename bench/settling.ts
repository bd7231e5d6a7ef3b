import { secondsOf, type Server, type World } from './world.ts'

/** More than either service is asked here in a second. */
const UNLIMITED = { DODO_RATE_LIMIT: '100000/s', LAGO_RATE_LIMIT: '100000/s' }
const PATIENCE_MS = 120_000
const EACH_MS = 100
/** Of what happens by itself meanwhile no more than this is counted. */
const AFTER_MS = 300

type Services = Awaited<ReturnType<World['startServices']>>
export type Settled = {
  processorMs: number
  transactions: number
  toLago: number
  toDodo: number
  toDodoMs: number[]
}

async function until(
  services: Services,
  isSo: (state: Awaited<ReturnType<Services['act']>>) => boolean,
  patienceMs = PATIENCE_MS,
) {
  const deadline = performance.now() + patienceMs
  for (;;) {
    const state = await services.act('look')
    if (isSo(state)) return state
    if (performance.now() > deadline) throw new Error(`still ${JSON.stringify(state)}`)
    await Bun.sleep(5)
  }
}

async function secondsOfAll(bridges: readonly Server[]) {
  const each = await Promise.all(bridges.map(({ pid }) => secondsOf(pid)))
  return each.reduce((sum, one) => sum + one, 0)
}

/** A bridge, and both services that it works between. */
export async function openSettling(world: World, { delayMs = 0, replicas = 1 } = {}) {
  const services = await world.startServices(delayMs)
  const env = {
    ...UNLIMITED,
    LAGO_API_URL: services.lagoUrl ?? '',
    DODO_API_URL: services.dodoUrl ?? '',
  }
  const bridges: Server[] = []
  for (let nth = 0; nth < replicas; nth += 1) bridges.push(await world.startBridge(env))
  await services.act('connect', { port: bridges[0]?.port })

  async function billAndPay(count: number, { isNew = false } = {}) {
    const before = await services.act('bill', { count, isNew })
    const opened = await until(services, (state) => state.opened >= before.opened + count)
    await Bun.sleep(AFTER_MS)
    await services.act('pay')
    await until(services, (state) => state.paid >= before.paid + count)
    await Bun.sleep(AFTER_MS)
    return opened.billToOpenMs
  }

  return {
    services,
    bridges,
    billAndPay,
    /** What one invoice costs, opened, paid and recorded, one after the other. */
    async measureOne(count: number, { isNew = false } = {}): Promise<Settled> {
      const toDodoMs: number[] = []
      await services.act('reset')
      const [seconds, ended] = [await secondsOfAll(bridges), await world.transactions()]
      for (let nth = 0; nth < count; nth += 1) toDodoMs.push(await billAndPay(1, { isNew }))
      const { counts } = await services.act('look')
      return {
        processorMs: (((await secondsOfAll(bridges)) - seconds) / count) * 1_000,
        transactions: ((await world.transactions()) - ended) / count,
        toLago: counts.lago / count,
        toDodo: counts.dodo / count,
        toDodoMs,
      }
    },
    /** From so many invoices at once until all are open: invoices a second. */
    async measureOpening(count: number) {
      const before = await services.act('look')
      const startedAt = performance.now()
      await services.act('bill', { count })
      const patienceMs = PATIENCE_MS + count * EACH_MS
      await until(services, (state) => state.opened >= before.opened + count, patienceMs)
      return count / ((performance.now() - startedAt) / 1_000)
    },
    /** From so many invoices at once until all are open, paid, and recorded as such: invoices a second. */
    async measureDrain(count: number) {
      const before = await services.act('look')
      const startedAt = performance.now()
      await services.act('bill', { count })
      await until(services, (state) => state.opened >= before.opened + count)
      const opened = performance.now()
      await services.act('pay')
      await until(services, (state) => state.paid >= before.paid + count)
      const perSecond = (ms: number) => count / (ms / 1_000)
      return {
        opened: perSecond(opened - startedAt),
        recorded: perSecond(performance.now() - opened),
      }
    },
    async close() {
      for (const bridge of bridges) await bridge.stop()
      await services.stop()
      // What these bridges had in hand when they were killed is about services that nobody else can ask.
      await world.sql`truncate dodo_bridge.deliveries, dodo_bridge.unrouted`
      await world.sql`delete from pgboss.job`
    },
  }
}
