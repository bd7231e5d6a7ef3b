import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from 'pino'
import postgres from 'postgres'
import { openDataDir } from './embedded-account.ts'
import { findBinaryPackage, openBinaries } from './embedded-binaries.ts'
import { connect } from './connect.ts'
import { type Cluster, openCluster, SUPERUSER } from './embedded-cluster.ts'
import type { LockFile } from './embedded-lock-file.ts'
import { describeFailure, ensureRunning, type Launch, stopServer } from './embedded-server.ts'

export type EmbeddedPostgres = { url: string; release(): Promise<void> }

type Options = {
  dataDir: string
  log?: Pick<Logger, 'debug'>
  /** Settings of Postgres, for those who do not need its data to last. */
  settings?: Record<string, string>
  /** Where the npm package with the binaries lies. */
  packageFolder?: string
}

/** Every process that uses the server shares this advisory lock; whoever gets it alone is last. */
const IN_USE_LOCK = '7306092846118412'
const DATABASE = 'bridge'

const OPEN_TIMEOUT_MS = 30_000
const RETRY_MS = 20
const RETAKE_MS = 1_000
const RELEASE_TIMEOUT_MS = 3_000

const WRONG_PASSWORD = '28P01'
const DATABASE_MISSING = '3D000'
const DATABASE_EXISTS = ['42P04', '23505']

/**
 * Starts, or joins, the Postgres that lives under the data directory. It outlives a crash of this
 * process and is found again; `release` stops it unless another process still uses it.
 */
export async function openEmbeddedPostgres(options: Options): Promise<EmbeddedPostgres> {
  const { dataDir, account } = await openDataDir(options.dataDir)
  const packageFolder = options.packageFolder ?? findBinaryPackage()
  const binaries = await openBinaries(packageFolder, dataDir, account)
  const cluster = await openCluster(dataDir, binaries.initdb, account)
  const launch: Launch = {
    cluster,
    postgres: binaries.postgres,
    account,
    settings: options.settings ?? {},
  }

  const deadlineMs = performance.now() + OPEN_TIMEOUT_MS
  let refusal: unknown
  while (performance.now() < deadlineMs) {
    const server = await ensureRunning(launch, deadlineMs)
    const url = urlOf(server, cluster)
    try {
      const hold = await openHold(url, async () => {
        await ensureRunning(launch, performance.now() + OPEN_TIMEOUT_MS)
      })
      options.log?.debug({ pid: server.pid }, 'embedded postgres opened')
      return { url, release: createRelease(hold, launch) }
    } catch (error) {
      if (hasCode(error, [WRONG_PASSWORD])) throw wrongPassword(cluster.folder, error)
      if (hasCode(error, [DATABASE_MISSING])) await createDatabase(url)
      // Whoever was last may be stopping the server right now: then the next round starts it.
      refusal = error
      await sleep(RETRY_MS)
    }
  }
  throw new Error(await describeFailure(cluster), { cause: refusal })
}

type Hold = { sql: postgres.Sql; giveUp(): Promise<boolean> }

/** Marks the server as in use for as long as this process lives, also across lost connections. */
async function openHold(url: string, revive: () => Promise<void>): Promise<Hold> {
  let isWanted = false
  let isRetaking = false
  const sql = openConnection(url, retake)
  const take = () => sql`select pg_advisory_lock_shared(${IN_USE_LOCK}::bigint)`

  function retake() {
    if (!isWanted || isRetaking) return
    isRetaking = true
    take().then(
      () => (isRetaking = false),
      () => setTimeout(() => void retakeAgain(), RETAKE_MS).unref(),
    )
  }

  /** A server that was killed is started again: nobody else would. */
  async function retakeAgain() {
    await (isWanted ? revive().catch(() => undefined) : undefined)
    isRetaking = false
    retake()
  }

  try {
    await take()
    isWanted = true
  } catch (error) {
    await sql.end({ timeout: 0 })
    throw error
  }

  /** True if nobody else held it. Given up first: of two who leave together one must be last. */
  async function giveUp() {
    isWanted = false
    await sql`select pg_advisory_unlock_all()`
    const [row] = await sql<{ isLast: boolean }[]>`
      select pg_try_advisory_lock(${IN_USE_LOCK}::bigint) as "isLast"`
    return row?.isLast === true
  }
  return { sql, giveUp }
}

function createRelease(hold: Hold, { cluster }: Launch): () => Promise<void> {
  let released: Promise<void> | undefined

  async function release() {
    try {
      // One left running does no harm; one stopped under somebody else's feet would.
      const tooLate = sleep(RELEASE_TIMEOUT_MS, false, { ref: false })
      const isLast = await Promise.race([hold.giveUp(), tooLate]).catch(() => false)
      if (isLast) await stopServer(cluster)
    } finally {
      await hold.sql.end({ timeout: 0 })
    }
  }
  return () => (released ??= release())
}

async function createDatabase(url: string): Promise<void> {
  const target = new URL(url)
  target.pathname = '/postgres'
  const sql = openConnection(target.href)
  try {
    await sql.unsafe(`create database ${DATABASE}`)
  } catch (error) {
    if (!hasCode(error, DATABASE_EXISTS)) throw error
  } finally {
    await sql.end({ timeout: 0 })
  }
}

function urlOf({ port, socketFolder }: LockFile, { password }: Cluster): string {
  const host = socketFolder === '' ? '127.0.0.1' : encodeURIComponent(socketFolder)
  return `postgres://${SUPERUSER}:${password}@${host}:${port}/${DATABASE}`
}

/** Waits for a lock for as long as others hold it. */
const openConnection = (url: string, onclose: () => void = () => undefined): postgres.Sql =>
  connect(url, { max: 1, maxLifetime: null, fetchTypes: false, isPatient: true, onclose })

function hasCode(error: unknown, codes: string[]): boolean {
  return error instanceof postgres.PostgresError && codes.includes(error.code)
}

function wrongPassword(folder: string, cause: unknown): Error {
  return new Error(`the password beside the embedded Postgres in ${folder} is not its own`, {
    cause,
  })
}
