import { eq } from 'drizzle-orm'

import { findings } from '../../db/schema.ts'
import type { Deps } from '../../deps.ts'

/** A free Lago may be upgraded, so what was found is asked again after a day. */
const REMEMBER_MS = 24 * 3_600_000
/** What a licence is needed for. Each is found out by itself: one that is refused says nothing about the other. */
export type Licensed = 'payments' | 'credit_notes'
const NAMES = { payments: 'lago_license', credit_notes: 'lago_license_credit_notes' } as const

type Licensing = Pick<Deps, 'db' | 'config' | 'now'>

/**
 * Whether Lago is known to take none: for want of a premium licence, by the configuration or because it said
 * so lately, or because it is older than payments are there (1.19), licence or not.
 */
export async function isFreeLicense(
  { lago, ...deps }: Licensing & Pick<Deps, 'lago'>,
  licensed: Licensed,
): Promise<boolean> {
  await lago.release.known()
  return !lago.can('payments') || isKnownFree(deps, licensed)
}

/** The same, as far as the configuration or what is written down says so: Lago is not asked. */
export async function isKnownFree(
  { db, config, now }: Licensing,
  licensed: Licensed,
): Promise<boolean> {
  if (config.lago.license !== 'auto') return config.lago.license === 'free'
  const [found] = await db.select().from(findings).where(eq(findings.name, NAMES[licensed]))
  return found !== undefined && now().getTime() - found.foundAt.getTime() < REMEMBER_MS
}

/** Remembers that Lago refused a premium call for want of a licence. */
export async function rememberFreeLicense(
  { db, now }: Licensing,
  licensed: Licensed,
): Promise<void> {
  const found = { value: 'free', foundAt: now() }
  await db
    .insert(findings)
    .values({ name: NAMES[licensed], ...found })
    .onConflictDoUpdate({ target: findings.name, set: found })
}
