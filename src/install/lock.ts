import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'

const LOOK_MS = 200
/** An installation that takes longer is not going on any more, or in another container. */
const MAX_AGE_MS = 10 * 60_000

/** Runs alone among the processes of this machine, and says for whom it waits. */
export async function withInstallLock(
  path: string,
  say: (line: string) => void,
  run: () => Promise<number>,
): Promise<number> {
  mkdirSync(dirname(path), { recursive: true })
  for (let hasSaid = false; !take(path);) {
    const holder = readHolder(path)
    if (holder !== undefined && !hasSaid) say(`waiting for the installation of process ${holder}`)
    hasSaid ||= holder !== undefined
    await Bun.sleep(LOOK_MS)
  }
  try {
    return await run()
  } finally {
    rmSync(path, { force: true })
  }
}

function take(path: string): boolean {
  try {
    writeFileSync(path, String(process.pid), { flag: 'wx' })
    return true
  } catch (error) {
    if ((error as { code?: unknown }).code !== 'EEXIST') throw error
    return false
  }
}

/** Who holds the lock; what a process left behind that is gone is removed. */
function readHolder(path: string): number | undefined {
  try {
    const pid = Number(readFileSync(path, 'utf8'))
    const isOld = Date.now() - statSync(path).mtimeMs > MAX_AGE_MS
    if (!isOld && (pid === 0 || isAlive(pid))) return pid
    rmSync(path, { force: true })
  } catch (error) {
    if ((error as { code?: unknown }).code !== 'ENOENT') throw error
  }
  return undefined
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return (error as { code?: unknown }).code === 'EPERM'
  }
}
