import { chown, mkdir, open, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Account, CLUSTER_NAME, runAs } from './embedded-account.ts'

/** One database cluster on disk; its password lies beside it, as safe as the data itself. */
export type Cluster = { folder: string; data: string; log: string; password: string }

export const SUPERUSER = 'bridge'
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

/**
 * Finds the cluster of the data directory, or makes it. It is made under another name and renamed,
 * so that the name stands for a whole one whatever was killed, and whoever else tried as well.
 */
export async function openCluster(
  dataDir: string,
  initdb: string,
  account: Account,
): Promise<Cluster> {
  const folder = join(dataDir, CLUSTER_NAME)
  const existing = await readPassword(folder)
  const password = existing ?? (await createCluster(dataDir, initdb, account))
  await removeHalves(dataDir)
  return { folder, data: join(folder, 'data'), log: join(folder, 'server.log'), password }
}

async function createCluster(dataDir: string, initdb: string, account: Account): Promise<string> {
  const folder = join(dataDir, CLUSTER_NAME)
  const half = `${folder}.${crypto.randomUUID()}`
  try {
    await initialise(half, initdb, account)
    await rename(half, folder)
    await sync(dataDir)
  } catch (cause) {
    // Whoever finishes first sweeps the others' halves away; then there is a cluster all the same.
    const password = await readPassword(folder)
    if (password) return password
    await rm(half, { recursive: true, force: true })
    throw new Error(explainFailure(dataDir, account, cause), { cause })
  }
  const password = await readPassword(folder)
  if (!password) throw new Error(`the embedded Postgres in ${folder} has lost its password file`)
  return password
}

/** Names the folder and who may not use it: mostly a mounted folder that belongs to somebody else. */
function explainFailure(dataDir: string, account: Account, cause: unknown): string {
  const uid = account?.uid ?? process.getuid?.()
  const whose = uid === undefined ? '' : ` by user ${uid}`
  const { message, code, stderr } = cause as Record<'message' | 'code' | 'stderr', unknown>
  if (
    /could not look up effective user|user does not exist/.test(
      `${String(message)}${String(stderr)}`,
    )
  ) {
    return (
      `the embedded Postgres cannot run as user ${uid}, who has no name on this system: set DATABASE_URL to a ` +
      'Postgres of your own, or run as a user with a name (in the container: user 10001)'
    )
  }
  const isForbidden = code === 'EACCES' || code === 'EPERM' || code === 'EROFS'
  const hint = isForbidden ? ': let that user own the folder, or set DATA_DIR to another one' : ''
  return `the embedded Postgres could not be initialised in ${dataDir}${whose} (${String(message ?? cause)})${hint}`
}

async function initialise(half: string, initdb: string, account: Account): Promise<void> {
  const passwordFile = join(half, 'password')
  await mkdir(half, { mode: 0o700 })
  const password = Buffer.from(crypto.getRandomValues(new Uint8Array(24))).toString('hex')
  await writeFile(passwordFile, password, { mode: 0o600 })
  if (account) {
    await chown(half, account.uid, account.gid)
    await chown(passwordFile, account.uid, account.gid)
  }
  // The built-in provider sorts and folds case alike on every system, whatever its locales.
  await runAs(account, initdb, [
    `--pgdata=${join(half, 'data')}`,
    `--username=${SUPERUSER}`,
    `--pwfile=${passwordFile}`,
    '--auth=scram-sha-256',
    '--encoding=UTF8',
    '--locale=C',
    '--locale-provider=builtin',
    '--builtin-locale=C.UTF-8',
    '--no-instructions',
  ])
  await sync(passwordFile)
  await sync(half)
}

/** Undefined only if there is no cluster yet: one that may not be read is an error. */
async function readPassword(folder: string): Promise<string | undefined> {
  try {
    return await readFile(join(folder, 'password'), 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw new Error(`the embedded Postgres in ${folder} belongs to another user`, { cause: error })
  }
}

/** A copy that a person made beside it, before an upgrade, begins with the same name. */
const isHalf = (name: string) =>
  name.startsWith(`${CLUSTER_NAME}.`) && UUID.test(name.slice(CLUSTER_NAME.length + 1))

async function removeHalves(dataDir: string): Promise<void> {
  for (const name of await readdir(dataDir)) {
    if (!isHalf(name)) continue
    // One that is being written to at this moment resists; the next start removes it.
    await rm(join(dataDir, name), { recursive: true, force: true }).catch(() => undefined)
  }
}

async function sync(path: string): Promise<void> {
  const handle = await open(path, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
