import { eq } from 'drizzle-orm'

import { findings } from '../db/schema.ts'
import type { Deps } from '../deps.ts'

/** A free Lago may be upgraded, so what was found is asked again after a day. */
const REMEMBER_MS = 24 * 3_600_000
const NAME = 'lago_license'

type Licensing = Pick<Deps, 'db' | 'config' | 'now'>

/** Whether Lago is known to have no premium licence, by the configuration or because it said so lately. */
export async function isFreeLicense({ db, config, now }: Licensing): Promise<boolean> {
  if (config.lago.license !== 'auto') return config.lago.license === 'free'
  const [found] = await db.select().from(findings).where(eq(findings.name, NAME))
  return found !== undefined && now().getTime() - found.foundAt.getTime() < REMEMBER_MS
}

/** Remembers that Lago refused a premium call for want of a licence. */
export async function rememberFreeLicense({ db, now }: Licensing): Promise<void> {
  const found = { value: 'free', foundAt: now() }
  await db
    .insert(findings)
    .values({ name: NAME, ...found })
    .onConflictDoUpdate({ target: findings.name, set: found })
}
