import { chmod, chown, lstat, mkdir, mkdtemp, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

import type { Account } from './embedded-account.ts'
import type { Cluster } from './embedded-cluster.ts'

/** There is no port to take, so every server has the same: it is only a piece of the socket's name. */
export const SOCKET_PORT = 5432

/** A socket's path must fit into about a hundred bytes, its name included. */
const MAX_FOLDER_BYTES = 85
/** Postgres takes a list of folders, with separators and quotes of its own. */
const PLAIN_PATH = /^[\w./@+-]+$/
const SHORT_PLACE = '/tmp/bridge-'
const NOTE = 'socket-folder'

/**
 * The folder of the server's socket, which nobody else may enter. Beside the data, or, where that path is too
 * long, a short one that is noted there: the address stays the same across restarts.
 */
export async function openSocketFolder({ folder }: Cluster, account: Account): Promise<string> {
  if (Buffer.byteLength(folder) <= MAX_FOLDER_BYTES && PLAIN_PATH.test(folder)) return folder

  const note = join(folder, NOTE)
  const noted = await readFile(note, 'utf8').catch(() => undefined)
  if (noted !== undefined && (await isOurs(noted, account))) return noted

  const made = await mkdtemp(SHORT_PLACE)
  await makePrivate(made, account)
  await writeFile(note, made, { mode: 0o600 })
  if (account) await chown(note, account.uid, account.gid)
  return made
}

/** One that was swept away is made again; one of somebody else's is not touched. */
async function isOurs(path: string, account: Account): Promise<boolean> {
  const isNew = await mkdir(path, { mode: 0o700 }).then(
    () => true,
    () => false,
  )
  if (isNew) await makePrivate(path, account)
  const found = await lstat(path).catch(() => undefined)
  const uid = account?.uid ?? process.getuid?.()
  return found?.isDirectory() === true && found.uid === uid && (found.mode & 0o077) === 0
}

async function makePrivate(path: string, account: Account): Promise<void> {
  await chmod(path, 0o700)
  if (account) await chown(path, account.uid, account.gid)
}
