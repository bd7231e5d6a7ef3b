import { existsSync } from 'node:fs'
import { join } from 'node:path'

import { drizzle } from 'drizzle-orm/postgres-js'

import { connect } from './connect.ts'
import { explainDatabaseError } from './database-error.ts'
import { CLUSTER_NAME } from './embedded-account.ts'
import { openEmbeddedPostgres } from './embedded.ts'
import { lookAtInstallation } from './installation.ts'
import { refuseTransactionPooler } from './pooler.ts'
import * as schema from './schema.ts'

export type Ledger = Awaited<ReturnType<typeof openLedger>>

/** No bridge has ever run here: looking for its database would make one. */
export class NoLedgerYet extends Error {
  override name = 'NoLedgerYet' as const
}

/**
 * The database as it is: nothing is migrated, and an embedded one that does not exist is not made. Throws
 * `DatabaseError` with the remedy, or `NoLedgerYet`.
 */
export async function openLedger({
  databaseUrl,
  dataDir,
}: {
  databaseUrl: string | undefined
  dataDir: string
}) {
  if (databaseUrl === undefined && !existsSync(join(dataDir, CLUSTER_NAME))) {
    throw new NoLedgerYet(`there is no database under ${dataDir} yet`)
  }
  const embedded = databaseUrl === undefined ? await openEmbeddedPostgres({ dataDir }) : undefined
  const url = databaseUrl ?? embedded?.url ?? ''
  const [sql, other] = [connect(url, { max: 1 }), connect(url, { max: 1 })]
  const close = async () => {
    await Promise.all([sql.end({ timeout: 0 }), other.end({ timeout: 0 })])
    await embedded?.release()
  }
  try {
    await refuseTransactionPooler(sql, other)
    const installation = await lookAtInstallation(sql)
    return { sql, db: drizzle(sql, { schema }), installation, isEmbedded: !databaseUrl, close }
  } catch (error) {
    await close()
    throw explainDatabaseError(error, databaseUrl)
  }
}
