import { execFileSync } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { availableParallelism, cpus, loadavg, totalmem } from 'node:os'
import { fileURLToPath } from 'node:url'

import type { Result } from './suites/suite.ts'

/** What was asked for, and when. */
export type Told = { isQuick: boolean; hours: number; seed: number; startedAt: Date }

export const REPORT = fileURLToPath(new URL('report.md', import.meta.url))
const ROOT = fileURLToPath(new URL('..', import.meta.url))
const GIB = 2 ** 30

/** Writes down what was proven, with whatever would make a sceptic doubt it, and returns it. */
export async function createReport(told: Told, results: readonly Result[]): Promise<string> {
  const { isQuick, hours, seed, startedAt } = told
  const rows = results.map(({ suite, runs, planned, isCut, seconds, found }) => {
    const whole = isCut ? `${runs} of ${planned}, cut by time` : String(runs)
    return `| ${suite} | ${whole} | ${seconds} | ${found.length === 0 ? 'nothing' : found.length} |`
  })
  const text = [
    `# Proof of ${commit()}\n`,
    `${startedAt.toISOString().slice(0, 16)}Z, ${isQuick ? 'quick, ' : ''}${hours} h asked for, seed ${seed}; ${machine()}\n`,
    '| suite | runs | seconds | found |\n| --- | --- | --- | --- |',
    ...rows,
    `\nAll together: ${listed(totals(results))}`,
    ...results.flatMap(inDetail),
    '',
  ].join('\n')
  await writeFile(REPORT, text)
  return text
}

const listed = (counts: Record<string, number>) =>
  Object.entries(counts)
    .map(([what, many]) => `${what}: ${many.toLocaleString('en')}`)
    .join(' · ')

function inDetail({ suite, counts, found, skipped = [] }: Result): string[] {
  return [
    `\n## ${suite}\n`,
    listed(counts),
    ...skipped.map((why) => `\nNot done: ${why}`),
    ...found.map((one) => `\n\`\`\`\n${one}\n\`\`\``),
  ]
}

/** What several suites count, added up. */
function totals(results: readonly Result[]): Record<string, number> {
  const all = results.flatMap(({ counts }) => Object.keys(counts))
  const shared = [...new Set(all.filter((what, nth) => all.indexOf(what) !== nth))]
  return Object.fromEntries(
    shared.map((what) => [what, results.reduce((sum, { counts }) => sum + (counts[what] ?? 0), 0)]),
  )
}

/** An archive without its history has no commit. */
function commit(): string {
  try {
    const args = ['describe', '--always', '--dirty', '--exclude', '*']
    return execFileSync('git', args, { cwd: ROOT, encoding: 'utf8', stdio: 'pipe' }).trim()
  } catch {
    return 'a copy without its history'
  }
}

function machine(): string {
  const [cpu] = cpus()
  const load = loadavg()[0]?.toFixed(1)
  return `${availableParallelism()} cores (${cpu?.model ?? 'unknown'}), ${Math.round(totalmem() / GIB)} GiB, load ${load}, Bun ${Bun.version}`
}
