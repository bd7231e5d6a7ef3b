import { migrate } from '../../src/db/migrate.ts'
import { openOwnDatabase, whyNoSmallDisk } from '../crash/database.ts'
import { findFailover, openCluster } from '../crash/failover.ts'
import { SCENARIOS, type Scenario } from '../crash/scenarios.ts'
import { openStage, type Stage } from '../crash/stage.ts'
import { findEarlier, upgradeFrom, type Earlier } from '../crash/upgrade.ts'
import { orderBlows } from '../orders/blows.ts'
import { createLuck, inTime, within, type Suite } from './suite.ts'

const INVOICES = 3
/** What was begun and not answered is given its two minutes, and a loaded machine as many more. */
const AT_MOST_MS = 600_000
/** Opening a database and coming to rest take a part of the time of each. */
const STRIKING = 0.4
const PAUSE_MS = 2_000

type Counting = (what: string, many?: number) => void
/** One kind of blow; what could not be done is returned in words. */
type Blow = { name: string; strike: (sliceMs: number) => Promise<string | undefined> }

/**
 * A bridge as merchants run it, its database and its clock, struck again and again while customers are billed and pay. In
 * the end nothing may be missing, or twice.
 */
export const crash: Suite = async ({ seed, isQuick, forMs, say, tick }) => {
  const found: string[] = []
  const skipped: string[] = []
  const counts: Record<string, number> = {}
  const count: Counting = (what, many = 1) => (counts[what] = (counts[what] ?? 0) + many)
  const all = blows(createLuck(seed), count)
  const chosen = isQuick ? all.slice(0, 1) : all
  const sliceMs = (forMs / chosen.length) * STRIKING
  const ran = await inTime(chosen, { forMs, tick }, async (blow) => {
    const { name } = blow
    const startedMs = performance.now()
    const seconds = () => Math.round((performance.now() - startedMs) / 1_000)
    try {
      const why = await within(sliceMs + AT_MOST_MS, name, blow.strike(sliceMs))
      if (why !== undefined) skipped.push(`${name}: ${why}`)
      say(`${name}: ${why ?? 'all is paid, once'}, ${seconds()} s`)
    } catch (error) {
      const story = error instanceof Error ? (error.stack ?? error.message) : String(error)
      found.push(`${name}: ${story}`)
      say(`${name}: ${story}`)
    }
  })
  return { ...ran, counts, found, skipped }
}

const blows = (luck: ReturnType<typeof createLuck>, count: Counting): Blow[] => [
  ...SCENARIOS.map((scenario): Blow => ({
    name: scenario.name,
    strike: (sliceMs) => strike(scenario, { luck, sliceMs, count }),
  })),
  ...orderBlows(luck, count),
  { name: 'a primary lost, and its standby promoted', strike: () => failOver(count) },
  ...listUpgrades(count),
]

async function strike(
  { strike: act, isLedgerOlder = false, isOnSmallDisk = false }: Scenario,
  {
    luck,
    sliceMs,
    count,
  }: { luck: ReturnType<typeof createLuck>; sliceMs: number; count: Counting },
): Promise<string | undefined> {
  const why = isOnSmallDisk ? await whyNoSmallDisk() : undefined
  if (why !== undefined) return why
  const database = await openOwnDatabase({ isOnSmallDisk })
  try {
    const { outside: url, inside: ledgerUrl } = database.at(database.name)
    await onStage({ url, ledgerUrl }, count, async (stage) => {
      await act({ stage, database, luck, untilMs: performance.now() + sliceMs, count })
      await stage.proveAtRest({ isLedgerOlder })
    })
    return undefined
  } finally {
    await database.close()
  }
}

/** Three customers are billed before anything happens; what there was is counted, whatever came of it. */
async function onStage(
  urls: { url: string; ledgerUrl: string },
  count: Counting,
  act: (stage: Stage) => Promise<void>,
) {
  const stage = await openStage(urls)
  try {
    for (let nth = 0; nth < INVOICES; nth += 1) stage.bill()
    await act(stage)
  } finally {
    for (const [what, many] of Object.entries(stage.counts())) count(what, many)
    await stage.close()
  }
}

/** A synchronous standby has whatever was acknowledged: none of it may be gone. */
async function failOver(count: Counting): Promise<string | undefined> {
  const able = findFailover()
  if ('why' in able) return able.why
  const cluster = await openCluster(able.bin)
  try {
    const { url } = cluster
    await migrate(url)
    await onStage({ url, ledgerUrl: url }, count, async (stage) => {
      await stage.start()
      for (let nth = 0; nth < 2; nth += 1) {
        await goOn(stage)
        const lost = await cluster.losePrimary()
        count('primaries lost')
        await goOn(stage)
        await cluster.bringBack(lost)
      }
      await stage.proveAtRest()
    })
    return undefined
  } finally {
    await cluster.close()
  }
}

async function goOn(stage: Stage) {
  stage.bill()
  await Bun.sleep(PAUSE_MS)
  stage.pay()
  stage.bill()
}

function listUpgrades(count: Counting): Blow[] {
  const earlier = findEarlier()
  if (earlier.length > 0) return earlier.map((one) => upgrade(one, count))
  const why = 'the history of this copy does not reach back to an earlier schema'
  return [{ name: 'an upgrade while work is under way', strike: async () => why }]
}

const upgrade = (earlier: Earlier, count: Counting): Blow => ({
  name: `an upgrade from the schema of ${earlier.commit.slice(0, 7)} while work is under way`,
  async strike() {
    const database = await openOwnDatabase({ isMigrated: false })
    try {
      const { outside: url, inside: ledgerUrl } = database.at(database.name)
      let why: string | undefined
      await onStage({ url, ledgerUrl }, count, async (stage) => {
        why = await upgradeFrom(earlier, { stage })
        if (why !== undefined) return
        count('upgrades')
        await stage.proveAtRest()
      })
      return why
    } finally {
      await database.close()
    }
  },
})
