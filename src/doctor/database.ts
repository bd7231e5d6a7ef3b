import { statfs } from 'node:fs/promises'

import { fail, ok, skip, warn, type Check, type Finding } from './check.ts'
import type { Ledger } from '../db/open-ledger.ts'

const MIGRATE = 'start the bridge once, or run `bridge migrate` as the owner'
/** A start takes two more for a moment, and so does a command. */
const FOR_COMMANDS = 4
const GB = 1_000_000_000

export const database: Check = {
  id: 'database',
  async run({ ledger, config }) {
    const { sql, isEmbedded } = await ledger()
    const facts = await readFacts(sql)
    const alive = Math.max(1, facts.replicas)
    const wanted = alive * config.databaseConnections + FOR_COMMANDS
    const where = isEmbedded ? 'embedded Postgres' : 'Postgres'
    const evidence = `${where} ${facts.version}, ${facts.connections} connections, fsync ${facts.fsync}`
    if (facts.fsync === 'off') {
      return warn(
        `${evidence}: a webhook answered 200 may be lost with a power cut`,
        'set fsync = on',
      )
    }
    if (facts.connections < wanted) {
      const fix = `set DATABASE_CONNECTIONS to less than ${config.databaseConnections}, or raise max_connections`
      return warn(`${evidence}, and up to ${wanted} are wanted`, fix)
    }
    return ok(evidence)
  },
}

export const schema: Check = {
  id: 'schema',
  needs: ['database'],
  async run({ ledger }) {
    const { installation } = await ledger()
    const { pending, missing, unusable, known, home } = installation
    const done = known - pending.length
    const evidence = `${done} of ${known} migrations in schema ${home}`
    if (done === 0) return fail(`${evidence}: no bridge has run on this database`, MIGRATE)
    if (pending.length > 0) return fail(evidence, MIGRATE)
    if (missing.length > 0) {
      return fail(
        `${evidence}, and tables are missing: ${missing.join(', ')}`,
        'restore them from a backup',
      )
    }
    if (unusable.length > 0) {
      const fix = `let the owner run \`bridge migrate --grant ${installation.role}\``
      return fail(
        `${evidence}; the role ${installation.role} may not use ${unusable.length} tables`,
        fix,
      )
    }
    return installation.newer > 0
      ? fail(
          `${evidence}, and ${installation.newer} more: it is newer than this program`,
          'run the release that brought it up to date, or a later one',
        )
      : ok(evidence)
  },
}

export const embedded: Check = {
  id: 'embedded',
  async run({ config }) {
    if (config.databaseUrl !== undefined) return skip('DATABASE_URL is set')
    const { dataDir } = config
    return judgeEmbedded({
      dataDir,
      isLive: config.dodo.environment === 'live',
      freeBytes: await readFreeBytes(dataDir),
    })
  },
}

/** What is found of an embedded Postgres, whose disk may have so much room; undefined where nobody says. */
export function judgeEmbedded({
  dataDir,
  isLive,
  freeBytes,
}: {
  dataDir: string
  isLive: boolean
  freeBytes: number | undefined
}): Finding {
  const room = freeBytes === undefined ? '' : `, ${(freeBytes / GB).toFixed(1)} GB free`
  const evidence = `the ledger is in ${dataDir}, by this machine's own Postgres${room}`
  if (freeBytes !== undefined && freeBytes < GB) {
    const why = 'once its disk is full, webhooks are answered 503'
    return warn(`${evidence}: ${why}`, 'make room there, or set RETENTION')
  }
  return isLive
    ? warn(
        evidence,
        'set DATABASE_URL to a Postgres that is backed up, or copy the folder while the bridge is stopped',
      )
    : ok(evidence)
}

const readFreeBytes = (folder: string): Promise<number | undefined> =>
  statfs(folder).then(
    ({ bavail, bsize }) => bavail * bsize,
    () => undefined,
  )

async function readFacts(sql: Ledger['sql']) {
  const [row] = await sql<
    { version: string; connections: number; fsync: string; replicas: string | null }[]
  >`select current_setting('server_version') as version,
      current_setting('max_connections')::int as connections,
      current_setting('fsync') as fsync,
      to_regclass('replicas')::text as replicas`
  const alive = row?.replicas ? await countReplicas(sql) : 0
  return {
    version: row?.version ?? 'unknown',
    connections: row?.connections ?? 0,
    fsync: row?.fsync ?? 'on',
    replicas: alive,
  }
}

/** Processes that were heard of lately: one that is gone takes itself off the list. */
export async function countReplicas(sql: Ledger['sql']): Promise<number> {
  const [row] = await sql<{ alive: number }[]>`
    select count(*)::int as alive from replicas where beat_at > now() - interval '15 seconds'`
  return row?.alive ?? 0
}
