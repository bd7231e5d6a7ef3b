import { eq } from 'drizzle-orm'

import { findings } from '../../db/schema.ts'
import type { Deps } from '../../deps.ts'

/** A free Lago may be upgraded, so what was found is asked again after a day. */
const REMEMBER_MS = 24 * 3_600_000
/** What a licence is needed for. Each is found out by itself: one that is refused says nothing about the other. */
export type Licensed = 'payments' | 'credit_notes'
const NAMES = { payments: 'lago_license', credit_notes: 'lago_license_credit_notes' } as const

export const LICENSE_FINDINGS: readonly string[] = Object.values(NAMES)

type Refusals = ReadonlyMap<string, { foundAt: Date }>
type Licensing = Pick<Deps, 'db' | 'config' | 'now'>

/**
 * Whether Lago is known to take none: for want of a premium licence, by the configuration or because it said
 * so lately, or because it is older than payments are there (1.19), licence or not.
 */
export async function isFreeLicense(
  deps: Licensing & Pick<Deps, 'lago'>,
  licensed: Licensed,
): Promise<boolean> {
  return isFreeBy(deps, await findRefusal(deps, licensed), licensed)
}

/** Whether it is known to have no licence, of whatever release it is. */
export async function isUnlicensed(deps: Licensing): Promise<boolean> {
  return isFoundFree(deps, await findRefusal(deps, 'payments'), 'payments')
}

async function findRefusal({ db }: Pick<Deps, 'db'>, licensed: Licensed): Promise<Refusals> {
  const rows = await db.select().from(findings).where(eq(findings.name, NAMES[licensed]))
  return new Map(rows.map((row) => [row.name, row]))
}

/** The same, of what was loaded with an invoice. */
export async function isFreeBy(
  { lago, ...deps }: Pick<Deps, 'config' | 'lago' | 'now'>,
  found: Refusals,
  licensed: Licensed,
): Promise<boolean> {
  await lago.release.known()
  return !lago.can('payments') || isFoundFree(deps, found, licensed)
}

/** The same, as far as the configuration or what was loaded says so: Lago is not asked. */
export function isFoundFree(
  { config, now }: Pick<Deps, 'config' | 'now'>,
  found: Refusals,
  licensed: Licensed,
): boolean {
  if (config.lago.license !== 'auto') return config.lago.license === 'free'
  const refused = found.get(NAMES[licensed])
  return refused !== undefined && now().getTime() - refused.foundAt.getTime() < REMEMBER_MS
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
