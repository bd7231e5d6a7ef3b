import { execFileSync } from 'node:child_process'
import { mkdir, mkdtemp, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import type { Stage } from './stage.ts'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const NEEDED = ['src', 'drizzle', 'package.json', 'tsconfig.json']
/** Between the blows. */
const PAUSE_MS = 2_500

/** The last commit of a schema that ours grew out of. */
export type Earlier = { commit: string; migrations: number }

const git = (...args: string[]) =>
  execFileSync('git', args, { cwd: ROOT, encoding: 'utf8', stdio: 'pipe', maxBuffer: 2 ** 28 })

const migrationsAt = (commit: string) =>
  git('ls-tree', commit, 'drizzle/')
    .split('\n')
    .filter((line) => line.endsWith('.sql'))
    .map((line) => line.split(/\s+/)[2] ?? '')

/** The earlier schemas, the oldest first: those whose migrations are the beginning of ours. None without a history. */
export function findEarlier(): Earlier[] {
  try {
    const ours = migrationsAt('HEAD').join()
    const found = new Map<number, string>()
    for (const commit of git('rev-list', '--first-parent', 'HEAD', '--', 'drizzle').split('\n')) {
      if (commit === '') continue
      // Until this commit the schema was that of the one before it.
      const before = `${commit}^`
      const theirs = migrationsAt(before)
      const isBeginning = theirs.length > 0 && ours.startsWith(theirs.join())
      if (isBeginning && theirs.join() !== ours && !found.has(theirs.length))
        found.set(theirs.length, git('rev-parse', before).trim())
    }
    return [...found]
      .map(([migrations, commit]) => ({ commit, migrations }))
      .toSorted((one, other) => one.migrations - other.migrations)
  } catch {
    return []
  }
}

/**
 * A bridge of before is at work; one of ours begins beside it on the same database, and the old one is killed in the
 * middle of what it does. Returns why that could not be tried.
 */
export async function upgradeFrom(
  { commit, migrations }: Earlier,
  { stage }: { stage: Stage },
): Promise<string | undefined> {
  const dir = await mkdtemp(join(tmpdir(), 'bridge-before-'))
  try {
    git('archive', '--format=tar', '-o', join(dir, 'tree.tar'), commit, ...NEEDED)
    execFileSync('tar', ['-xf', 'tree.tar', ...NEEDED], { cwd: dir })
    await symlink(join(ROOT, 'node_modules'), join(dir, 'node_modules'))
    await mkdir(join(dir, 'data'))
    const before = { main: join(dir, 'src/main.ts') }
    try {
      await stage.start(0, before)
    } catch {
      return `what ran with ${migrations} migrations (${commit.slice(0, 7)}) does not start with the packages of today`
    }
    await goOn(stage)
    await goOn(stage)
    await stage.start(1)
    await goOn(stage)
    await stage.kill(0)
    await goOn(stage)
    return undefined
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
}

async function goOn(stage: Stage) {
  stage.bill()
  stage.pay()
  await Bun.sleep(PAUSE_MS)
  stage.pay()
  stage.refundOne()
  stage.bill()
}
