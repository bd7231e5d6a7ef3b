import { type ChildProcess, spawn } from 'node:child_process'
import { open, readFile, rename, stat } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Account, spawnOptions } from './embedded-account.ts'
import type { Cluster } from './embedded-cluster.ts'
import { readLockFile, type LockFile } from './embedded-lock-file.ts'
import { openSocketFolder, SOCKET_PORT } from './embedded-socket.ts'

export type Launch = {
  cluster: Cluster
  postgres: string
  account: Account
  settings: Record<string, string>
}

const POLL_MS = 20
const STOP_TIMEOUT_MS = 10_000
const MAX_STARTS = 8
const START_BACKOFF_MS = 200
const MAX_LOG_BYTES = 8 * 1024 * 1024
const LOG_TAIL_BYTES = 2_048

/** Nothing of a payload may reach the log, so statements and the rows they failed on stay out. */
const SETTINGS = {
  listen_addresses: '',
  log_checkpoints: 'off',
  log_min_error_statement: 'panic',
  log_error_verbosity: 'terse',
}

/**
 * Returns the server of this cluster once it takes connections, starting it unless it runs. Two
 * callers may both start one: Postgres itself lets only one of them live, and both find that one.
 */
export async function ensureRunning(launch: Launch, deadlineMs: number): Promise<LockFile> {
  let child: ChildProcess | undefined
  let starts = 0
  while (performance.now() < deadlineMs) {
    const server = await readLockFile(launch.cluster.data)
    if (server?.isReady) return server

    if (!server && !isAlive(child)) {
      if (starts === MAX_STARTS) break
      // After a crash, what is left of the previous server may need a moment to be gone.
      await sleep(starts * START_BACKOFF_MS)
      child = await startServer(launch)
      starts += 1
    }
    await sleep(POLL_MS)
  }
  throw new Error(await describeFailure(launch.cluster))
}

/** Stops the server at once but cleanly, and waits for it to be gone, within bounds. */
export async function stopServer(cluster: Cluster): Promise<void> {
  const server = await readLockFile(cluster.data)
  if (!server || server.isElsewhere) return
  interrupt(server.pid)
  const deadlineMs = performance.now() + STOP_TIMEOUT_MS
  while (performance.now() < deadlineMs && (await readLockFile(cluster.data))) await sleep(POLL_MS)
}

/** Postgres's signal for a fast shutdown: clients are cut off, their open transactions undone. */
function interrupt(pid: number): void {
  try {
    process.kill(pid, 'SIGINT')
  } catch (error) {
    const isGone = error instanceof Error && 'code' in error && error.code === 'ESRCH'
    if (!isGone) throw error
  }
}

/** Says where the server's log is and how it ends. */
export async function describeFailure(cluster: Cluster): Promise<string> {
  const log = await readFile(cluster.log, 'utf8').catch(() => '')
  const tail = log.slice(-LOG_TAIL_BYTES).trim()
  return `the embedded Postgres did not start; the end of ${cluster.log}:\n${tail}`
}

/** In a session of its own, so that Ctrl-C at the terminal ends us first and then the database. */
async function startServer({ cluster, postgres, account, settings }: Launch) {
  await rotateLog(cluster.log)
  const log = await open(cluster.log, 'a', 0o600)
  try {
    const sockets = { unix_socket_directories: await openSocketFolder(cluster, account) }
    const assignments = Object.entries({ ...SETTINGS, ...sockets, ...settings })
    const args = ['-D', cluster.data, '-p', String(SOCKET_PORT)]
    for (const [name, value] of assignments) args.push('-c', `${name}=${value}`)
    const child = spawn(postgres, args, {
      ...spawnOptions(account),
      detached: true,
      stdio: ['ignore', log.fd, log.fd],
    })
    // Without a listener an error would end this process; it shows as a child that is not alive.
    child.on('error', () => undefined)
    child.unref()
    return child
  } finally {
    await log.close()
  }
}

function isAlive(child: ChildProcess | undefined): boolean {
  return child?.pid !== undefined && child.exitCode === null && child.signalCode === null
}

async function rotateLog(log: string): Promise<void> {
  const size = await stat(log).then(
    (file) => file.size,
    () => 0,
  )
  if (size > MAX_LOG_BYTES) await rename(log, `${log}.1`)
}
