import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const ROOT = fileURLToPath(new URL('../../', import.meta.url))

/** All that tests need; what is installed is shared. */
const COPIED = [
  'src',
  'sandbox',
  'proof',
  'test',
  'drizzle',
  'package.json',
  'tsconfig.json',
  'bunfig.toml',
]
const MINUTES_AT_MOST_MS = 600_000

/** A change of one file: `find` must be in it exactly once. */
export type Edit = { file: string; find: string; replace: string }

type Running = {
  env?: Record<string, string>
  /** What has not ended by then is ended. */
  patienceMs?: number
}
type Ran = { isRed: boolean; isSlow: boolean; said: string }

export type Tree = Awaited<ReturnType<typeof copyTree>>

/** A copy of the project in which bugs may be planted: the project itself is never touched. */
export async function copyTree() {
  const dir = await mkdtemp(join(tmpdir(), 'bridge-mutants-'))
  for (const name of COPIED) await cp(join(ROOT, name), join(dir, name), { recursive: true })
  await symlink(join(ROOT, 'node_modules'), join(dir, 'node_modules'))
  async function run(
    args: readonly string[],
    { env = {}, patienceMs = MINUTES_AT_MOST_MS }: Running = {},
  ): Promise<Ran> {
    const child = Bun.spawn([process.execPath, ...args], {
      cwd: dir,
      stdout: 'pipe',
      stderr: 'pipe',
      env: { ...process.env, ...env },
      timeout: Math.ceil(patienceMs),
    })
    const said = await Promise.all([
      new Response(child.stdout).text(),
      new Response(child.stderr).text(),
    ])
    const isRed = (await child.exited) !== 0
    return { isRed, isSlow: child.signalCode !== null, said: said.join('\n') }
  }
  return {
    dir,
    /** Changes a file, and returns how to change it back. */
    async edit({ file, find, replace }: Edit): Promise<() => Promise<void>> {
      const path = join(dir, file)
      const before = await readFile(path, 'utf8')
      const times = before.split(find).length - 1
      if (times !== 1) throw new Error(`${file} has ${times} places like ${find}`)
      await writeFile(
        path,
        before.replace(find, () => replace),
      )
      return () => writeFile(path, before)
    },
    /** Writes a whole file, and returns how to change it back. */
    async write(file: string, text: string): Promise<() => Promise<void>> {
      const path = join(dir, file)
      const before = await readFile(path, 'utf8')
      await writeFile(path, text)
      return () => writeFile(path, before)
    },
    /** Runs a program of the copy; what it said, and whether it failed. */
    run,
    /** Runs test files, until one fails unless all are wanted. */
    test(
      files: readonly string[],
      {
        isWhole = false,
        preload,
        ...running
      }: Running & { isWhole?: boolean; preload?: string } = {},
    ) {
      const loading = preload === undefined ? [] : ['--preload', preload]
      const bail = isWhole ? [] : ['--bail']
      return run(['test', ...loading, ...bail, '--timeout', '60000', ...files], running)
    },
    remove: () => rm(dir, { recursive: true, force: true }),
  }
}
