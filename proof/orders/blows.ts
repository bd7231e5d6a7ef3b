import { fileURLToPath } from 'node:url'

import { openOwnDatabase } from '../crash/database.ts'
import type { createLuck } from '../suites/suite.ts'
import { openMarket, type Market } from './market.ts'
import { STORIES, type Story, type Told } from './stories.ts'
import { proveTold } from './told.ts'

const DIE = fileURLToPath(new URL('die.ts', import.meta.url))
const MOST_CALLS_PER_LIFE = 8
const MOST_WRITES_PER_LIFE = 400
const MOST_MS_PER_LIFE = 12_000
const BETWEEN_MS = 1_500
const USUALLY_TOLD = 3
/** So many stories at most: what comes after that is only killed. */
const MOST_STORIES = 60

type Luck = ReturnType<typeof createLuck>
type Count = (what: string, many?: number) => void
type Struck = {
  market: Market
  luck: Luck
  /** Begins some more stories, which go on until they are told, whatever dies meanwhile. */
  tellMore: (many?: number) => void
  isLeft: () => boolean
  count: Count
}
type Strike = (struck: Struck) => Promise<void>

/** What creates something, or tells somebody. */
const CREATING = [
  /POST dodo .*\/checkouts$/,
  /POST dodo .*\/refunds$/,
  /POST dodo .*\/charge$/,
  /POST dodo .*\/customers$/,
  /POST openfront completeActiveCart$/,
  /POST highlevel .*custom-provider\/webhook$/,
  /PATCH dodo .*\/subscriptions\//,
] as const
const MOMENTS = CREATING.flatMap((call) => [
  { call, isAfter: false },
  { call, isAfter: true },
])

/**
 * As a call of the bridge's arrives at Dodo, the shop or HighLevel, once it was carried out, or wherever it is: each that
 * creates something in turn, and others by luck.
 */
async function killAtCalls({ market, luck, tellMore, isLeft, count }: Struck) {
  const moments = luck.shuffled(MOMENTS)
  do {
    const died = Promise.withResolvers<string>()
    const server = await market.start()
    const chosen = moments.pop()
    let callsLeft = chosen ? 1 : 1 + luck.below(MOST_CALLS_PER_LIFE)
    const isAfter = chosen?.isAfter ?? luck.next() < 0.5
    // Mostly those count that change something: there are ten times as many that only look.
    const isCounted = (where: string) =>
      chosen ? chosen.call.test(where) : !where.includes(' GET ') || luck.next() < 0.1
    let isDead = false
    const strikeAt = (where: string) => {
      isDead = true
      server.killAtOnce()
      died.resolve(where)
    }
    market.onCalls((where) => {
      if (isDead) return where.startsWith('before')
      if (!isCounted(where)) return false
      if (where.startsWith('before')) callsLeft -= 1
      const isNow = callsLeft <= 0 && where.startsWith(isAfter ? 'after' : 'before')
      if (isNow) strikeAt(where)
      return isNow && !isAfter
    })
    const timer = setTimeout(() => isDead || strikeAt('wherever it was'), lifetimeOf(luck))
    // Each story, where it is waited for a certain call.
    tellMore(chosen && Infinity)
    const where = (await died.promise).replaceAll(/\/[a-z]{3}_\w+/g, '/:id')
    count(`killed ${where}`)
    clearTimeout(timer)
    market.onCalls(undefined)
    await market.replicas.kill(0)
  } while (isLeft())
}

const lifetimeOf = (luck: Luck) => MOST_MS_PER_LIFE / 2 + luck.below(MOST_MS_PER_LIFE / 2)

/** As it would ask its database for something: whatever it waits for stands between two such moments. */
async function dieAtWrites({ market, luck, tellMore, isLeft, count }: Struck) {
  do {
    const at = String(1 + luck.below(MOST_WRITES_PER_LIFE))
    const server = await market.start(0, { preload: DIE, env: { DIE_AT_WRITE: at } })
    process.kill(server.pid, 'SIGUSR2')
    tellMore()
    const isDead = await Promise.race([
      server.died.then(() => true),
      Bun.sleep(MOST_MS_PER_LIFE).then(() => false),
    ])
    count(isDead ? 'killed as it would write to its database' : 'killed after its work')
    await market.replicas.kill(0)
  } while (isLeft())
}

/** Every question of the shop's and of HighLevel's comes twice at once, to two processes, which are killed in turn. */
async function doubleOnTwo({ market, tellMore, isLeft, count }: Struck) {
  for (const { caller } of [market.shop, market.agency]) caller.switches.double = true
  await market.start(0)
  await market.start(1)
  for (let nth = 0; ; nth = 1 - nth) {
    tellMore()
    await Bun.sleep(2 * BETWEEN_MS)
    if (!isLeft()) break
    await market.replicas.kill(nth)
    count('replicas killed')
    await Bun.sleep(BETWEEN_MS)
    await market.start(nth)
  }
  await Promise.all([market.replicas.kill(0), market.replicas.kill(1)])
}

const STRIKES = {
  'orders: killed at a call, or wherever it is': killAtCalls,
  'orders: killed as it would write to its database': dieAtWrites,
  'orders: asked twice at once, of two replicas killed in turn': doubleOnTwo,
} as const satisfies Record<string, Strike>

/** What is done to a bridge while shops and agencies sell; in the end each order's money is where its source was told. */
export const orderBlows = (luck: Luck, count: Count) =>
  Object.entries(STRIKES).map(([name, act]) => ({
    name,
    async strike(sliceMs: number): Promise<undefined> {
      const database = await openOwnDatabase()
      try {
        const { outside: url, inside: ledgerUrl } = database.at(database.name)
        await onMarket({ url, ledgerUrl }, { act, luck, count, sliceMs })
      } finally {
        await database.close()
      }
    },
  }))

async function onMarket(
  urls: { url: string; ledgerUrl: string },
  { act, luck, count, sliceMs }: { act: Strike; luck: Luck; count: Count; sliceMs: number },
) {
  const market = await openMarket(urls)
  const telling: Promise<Told>[] = []
  const untilMs = performance.now() + sliceMs
  try {
    await market.start()
    await market.install()
    await market.replicas.kill(0)
    const kinds = Object.values<Story>(STORIES)
    const tellMore = (many = USUALLY_TOLD) => {
      if (telling.length >= MOST_STORIES) return
      for (const story of luck.shuffled(kinds).slice(0, many)) {
        const told = story(market)
        // It is waited for in the end.
        told.catch(() => undefined)
        telling.push(told)
      }
    }
    const isLeft = () => performance.now() < untilMs
    await act({ market, luck, tellMore, isLeft, count })
    await market.start()
    await proveTold(market, await Promise.all(telling))
  } finally {
    count('orders', telling.length)
    count('kills', market.replicas.kills())
    count('calls of the bridge', market.watch.counts.requests)
    count('calls that create something', market.watch.counts.creations)
    count('calls spoilt or not answered', market.watch.counts.unanswered)
    await market.close()
  }
}
