import { Command } from 'commander'

import { createReport, REPORT, type Told } from './report.ts'
import { calls } from './suites/calls.ts'
import { crash } from './suites/crash.ts'
import { fuzz } from './suites/fuzz.ts'
import { model } from './suites/model.ts'
import { mutation } from './suites/mutation.ts'
import { orders } from './suites/orders.ts'
import { planted } from './suites/planted.ts'
import { storms } from './suites/storms.ts'
import type { Result, Suite } from './suites/suite.ts'

const SUITES = {
  model,
  calls,
  orders,
  crash,
  storms,
  fuzz,
  planted,
  mutation,
} as const satisfies Record<string, Suite>
type Name = keyof typeof SUITES
const NAMES = Object.keys(SUITES) as Name[]

const HOUR_MS = 3_600_000
const QUICK_HOURS = 0.1
const TICK_MS = 20_000

const say = (line: string) => void process.stdout.write(`${line}\n`)

const asked = new Command('proof')
  .description('Proves that no invariant breaks, and says of what it was asked and what not')
  .option('--quick', 'little of everything, in a few minutes')
  .option('--hours <n>', 'how long, all together; what is begun is finished', asHours)
  .option('--seed <n>', 'the same luck as another time', Number)
  .option('--only <suites>', `some of ${NAMES.join(', ')}`, asNames)
  .parse()
  .opts<{ quick?: boolean; hours?: number; seed?: number; only?: Name[] }>()

const chosen = NAMES.filter((name) => !asked.only || asked.only.includes(name))
const told: Told = {
  isQuick: asked.quick ?? false,
  hours: asked.hours ?? (asked.quick ? QUICK_HOURS : 1),
  seed: asked.seed ?? Date.now() % 1_000_000_000,
  startedAt: new Date(),
}
const results: Result[] = []
const untilMs = performance.now() + told.hours * HOUR_MS
for (const [nth, name] of chosen.entries()) {
  // What one does not need is for those that follow.
  const forMs = Math.max(0, untilMs - performance.now()) / (chosen.length - nth)
  results.push(await run(name, forMs))
  await createReport(told, results)
}
say(await createReport(told, results))
say(`written to ${REPORT}`)
// A guard that no test misses is something to be done, and no rule that was broken.
const isBroken = ({ suite, found, runs }: Result) =>
  found.length > 0 && (suite !== 'mutation' || runs === 0)
process.exit(results.some(isBroken) ? 1 : 0)

/** One suite, with a line now and then that says how far it is; one that falls over has found that. */
async function run(suite: Name, forMs: number): Promise<Result> {
  const { seed, isQuick } = told
  const startedMs = performance.now()
  const secondsSince = () => Math.round((performance.now() - startedMs) / 1_000)
  say(`\n${suite}, for ${Math.round(forMs / 1_000)} s (seed ${seed})`)
  let far = 'it begins'
  const timer = setInterval(() => say(`  ${secondsSince()} s: ${far}`), TICK_MS)
  const result = await SUITES[suite]({
    seed,
    isQuick,
    forMs,
    say: (line) => say(`  ${line}`),
    tick: (runs, planned) => (far = `${runs} of ${planned}`),
  }).catch((error: unknown) => ({
    runs: 0,
    planned: 1,
    isCut: true,
    counts: {},
    found: [error instanceof Error ? (error.stack ?? error.message) : String(error)],
  }))
  clearInterval(timer)
  const { runs, planned, found } = result
  say(`  ${secondsSince()} s: ${runs} of ${planned}, ${found.length} found`)
  return { suite, seconds: secondsSince(), ...result }
}

function asHours(text: string): number {
  const hours = Number(text)
  if (!(hours > 0)) throw new Error(`--hours takes a number above 0, and not ${text}`)
  return hours
}

function asNames(text: string): Name[] {
  const names = text.split(',').map((one) => one.trim())
  const strange = names.find((one) => !(NAMES as string[]).includes(one))
  if (strange !== undefined) throw new Error(`there is no suite ${strange}: ${NAMES.join(', ')}`)
  return names as Name[]
}
