import { eq } from 'drizzle-orm'

import type { Config } from './config.ts'
import type { Database } from './db/client.ts'
import { findings } from './db/schema.ts'

const PUBLIC_URL = 'public_url'

/** Writes down where the running server is reached, for commands that are not told. */
export async function rememberAddress(db: Database, publicUrl: string, at: Date) {
  const found = { value: publicUrl, foundAt: at }
  await db
    .insert(findings)
    .values({ name: PUBLIC_URL, ...found })
    .onConflictDoUpdate({ target: findings.name, set: found })
}

/**
 * The configuration of a command that was started without PUBLIC_URL: with the address that the server used last,
 * or else with one that is not written anywhere. A shell must not replace good links by links to itself.
 */
export async function withRememberedAddress(db: Database, config: Config): Promise<Config> {
  const [found] = await db.select().from(findings).where(eq(findings.name, PUBLIC_URL))
  return typeof found?.value === 'string'
    ? { ...config, publicUrl: found.value }
    : { ...config, isPublicUrlGuessed: true }
}
