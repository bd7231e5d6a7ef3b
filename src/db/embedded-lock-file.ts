import { execFile } from 'node:child_process'
import { readFileSync, rmSync } from 'node:fs'
import { readFile, stat } from 'node:fs/promises'
import { connect } from 'node:net'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'

/** What a running server says of itself in its postmaster.pid. */
export type LockFile = {
  pid: number
  port: number
  socketFolder: string
  isReady: boolean
  /** In another container, on the same volume: its number means nothing here, and it is never stopped from here. */
  isElsewhere: boolean
}

/** A socket of this machine is connected to at once, or not at all. */
const CONNECT_TIMEOUT_MS = 1_000
/** Between creating the file and writing it, a server takes microseconds. */
const MAX_EMPTY_AGE_MS = 5_000

const execute = promisify(execFile)

/**
 * Returns what the lock file says if its server lives. A file whose number now belongs to another
 * program, or that was never written, is removed: Postgres would take it for a living server. One
 * whose process is gone is left to Postgres, which also looks for what that process left behind. Before
 * either, its socket is tried: the processes of another container are not seen from here, and neither we
 * nor Postgres would know that a second server on the same data damages it.
 */
export async function readLockFile(data: string): Promise<LockFile | undefined> {
  const path = join(data, 'postmaster.pid')
  const text = await readFile(path, 'utf8').catch(() => undefined)
  if (text === undefined) return undefined

  const lines = text.split('\n')
  const pid = Number(lines[0])
  if (!pid) {
    const file = await stat(path).catch(() => undefined)
    if (file && Date.now() - file.mtimeMs > MAX_EMPTY_AGE_MS) removeUnchanged(path, text)
    return undefined
  }
  const told = {
    pid,
    port: Number(lines[3]),
    /** Empty of a server that an older version started: it listens on the loopback. */
    socketFolder: lines[4] ?? '',
    isReady: lines[7]?.trim() === 'ready',
  }
  const isTaken = exists(pid)
  if (isTaken && (await isServerOf(data, pid))) return { ...told, isElsewhere: false }
  // The same volume may be mounted at another path there.
  for (const socketFolder of new Set([told.socketFolder, dirname(data)])) {
    const isListening = socketFolder !== '' && (await listens(socketFolder, told.port))
    if (isListening) return { ...told, socketFolder, isElsewhere: true }
  }
  if (isTaken) removeUnchanged(path, text)
  return undefined
}

/** A socket whose server is gone refuses. */
function listens(folder: string, port: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>()
  const socket = connect({ path: join(folder, `.s.PGSQL.${port}`) })
  socket
    .setTimeout(CONNECT_TIMEOUT_MS)
    .on('connect', () => resolve(true))
    // Somebody is there, and too busy to answer.
    .on('timeout', () => resolve(true))
    .on('error', () => resolve(false))
  return promise.finally(() => socket.destroy())
}

/** Nothing comes between the look and the removal, so a server that just started keeps its file. */
function removeUnchanged(path: string, text: string): void {
  try {
    if (readFileSync(path, 'utf8') === text) rmSync(path)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error
  }
}

function exists(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}

/** A server's working directory is its data; where that may not be seen, its arguments tell. */
async function isServerOf(data: string, pid: number): Promise<boolean> {
  const own = await stat(data)
  const itsFolder = await stat(`/proc/${pid}/cwd`).catch(() => undefined)
  if (itsFolder) return itsFolder.ino === own.ino && itsFolder.dev === own.dev

  return (await readCommandLine(pid)).includes(`postgres -D ${data} `)
}

async function readCommandLine(pid: number): Promise<string> {
  if (process.platform === 'linux') {
    const line = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')
    return line.replaceAll('\0', ' ')
  }
  try {
    return (await execute('ps', ['-ww', '-o', 'command=', '-p', String(pid)])).stdout
  } catch (error) {
    if (exists(pid)) throw error
    return ''
  }
}
