import { execFile } from 'node:child_process'
import { chown, mkdir, readdir, readFile, realpath, stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import { promisify } from 'node:util'

/** Who Postgres runs as: undefined means as ourselves. */
export type Account = { uid: number; gid: number; name: string } | undefined

/** What an embedded Postgres leaves in the data directory starts with one of these. */
export const CLUSTER_NAME = 'postgres-18'
export const BINARIES_NAME = 'postgres-binaries'

const RUN_TIMEOUT_MS = 120_000
const PREFERRED_NAMES = ['postgres', '_postgres']

const execute = promisify(execFile)

/**
 * How every program of Postgres is started. A bare environment, since PGPORT, PGOPTIONS and their
 * like would change what it does; and a folder that every account may enter.
 */
export function spawnOptions(account: Account) {
  const environment = { PATH: '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' }
  return { cwd: '/', env: environment, ...(account && { uid: account.uid, gid: account.gid }) }
}

/** Runs a program as the account, to its end; what it printed is in the error if it fails. */
export async function runAs(account: Account, file: string, args: string[]): Promise<void> {
  await execute(file, args, { ...spawnOptions(account), timeout: RUN_TIMEOUT_MS })
}

/**
 * Postgres refuses to run as root, so root lends it an account: the one that owns the cluster
 * already, else the system's own for the purpose. Nobody else is ever changed.
 */
async function chooseAccount(clusterFolder: string): Promise<Account> {
  if (process.getuid?.() !== 0) return undefined

  const owner = await stat(clusterFolder).catch(() => undefined)
  if (owner && owner.uid !== 0) return { uid: owner.uid, gid: owner.gid, name: `uid ${owner.uid}` }

  const users = (await readFile('/etc/passwd', 'utf8')).split('\n').map((line) => line.split(':'))
  for (const wanted of PREFERRED_NAMES) {
    const [name, , uid, gid] = users.find(([candidate]) => candidate === wanted) ?? []
    if (name && uid && gid) return { uid: Number(uid), gid: Number(gid), name }
  }
  throw new Error(
    'Postgres does not run as root, and this system has no user postgres to run it as (nobody is shared ' +
      'with other services): make one with "useradd --system postgres", run the bridge as an ordinary ' +
      'user, or set DATABASE_URL to a Postgres of your own',
  )
}

/** Returns the real path of the data directory, made if need be, that the account can enter. */
export async function openDataDir(path: string): Promise<{ dataDir: string; account: Account }> {
  try {
    await mkdir(path, { recursive: true })
  } catch (cause) {
    throw new Error(unusable(path, 'this process'), { cause })
  }
  const dataDir = await realpath(path)
  const account = await chooseAccount(resolve(dataDir, CLUSTER_NAME))
  if (!account || (await canEnter(account, dataDir))) return { dataDir, account }

  // A folder that holds nothing but ours may be handed over; anybody else's is left as it is.
  if (await holdsOnlyOurs(dataDir)) await chown(dataDir, account.uid, account.gid)
  if (await canEnter(account, dataDir)) return { dataDir, account }

  throw new Error(unusable(dataDir, `the user Postgres runs as under root (${account.name})`))
}

async function canEnter(account: Account, folder: string): Promise<boolean> {
  const entered = runAs(account, '/bin/sh', ['-c', 'cd "$0"', folder])
  return entered.then(
    () => true,
    () => false,
  )
}

async function holdsOnlyOurs(folder: string): Promise<boolean> {
  const names = await readdir(folder)
  return names.every((name) => name.startsWith(CLUSTER_NAME) || name.startsWith(BINARIES_NAME))
}

function unusable(path: string, who: string): string {
  return (
    `the data directory ${path} cannot be used by ${who}: set DATA_DIR to a folder that it can ` +
    'reach, or DATABASE_URL to a Postgres of your own'
  )
}
