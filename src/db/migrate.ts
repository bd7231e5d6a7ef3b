import path from 'node:path'

import { drizzle } from 'drizzle-orm/postgres-js'
import { migrate as applyMigrations } from 'drizzle-orm/postgres-js/migrator'
import postgres from 'postgres'

const MIGRATIONS_FOLDER = path.join(import.meta.dir, '../../drizzle')

/** Any fixed number that no other program takes as its advisory lock on this database. */
const MIGRATION_LOCK = 724_051_994

/** Brings the schema up to date. Replicas that start together take turns; the later ones find nothing to do. */
export async function migrate(url: string): Promise<void> {
  const sql = postgres(url, { max: 1, onnotice: () => undefined })
  try {
    await sql`select pg_advisory_lock(${MIGRATION_LOCK})`
    await applyMigrations(drizzle(sql), { migrationsFolder: MIGRATIONS_FOLDER })
  } finally {
    await sql.end({ timeout: 2 })
  }
}
