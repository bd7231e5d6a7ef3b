import { eq, sql } from 'drizzle-orm'
import { z } from 'zod'

import type { Database } from '../../db/client.ts'
import { findings, receivables } from '../../db/schema.ts'
import type { Deps } from '../../deps.ts'
import type { CollectSince } from './decide/invoice.ts'

const NAME = 'installation'
export const COLLECT_SINCE_FINDING = NAME
const WEEK_MS = 7 * 24 * 3_600_000

/** Whether a new installation leaves what was unpaid before it alone. An older ledger than this rule never does. */
const Installation = z.object({ leavesOld: z.enum(['undecided', 'yes', 'no']) })
type Installation = z.infer<typeof Installation>

/** Writes down once when this ledger began; one that holds anything already is not new. */
export async function rememberInstallation(db: Database, now: Date): Promise<void> {
  const [used] = await db
    .select({ one: sql`1` })
    .from(receivables)
    .limit(1)
  const [swept] = await db.select().from(findings).where(eq(findings.name, 'last_sweep'))
  const leavesOld = used || swept ? 'no' : 'undecided'
  await db
    .insert(findings)
    .values({ name: NAME, value: { leavesOld } satisfies Installation, foundAt: now })
    .onConflictDoNothing()
}

/**
 * From when on receivables are collected; null collects all. Until the first sweep of a new installation has
 * decided, what is older than it waits.
 */
export async function findCollectSince({
  config,
  db,
}: Pick<Deps, 'config' | 'db'>): Promise<CollectSince | null> {
  return collectSinceOf({ config }, await findInstallationRow(db))
}

/** The same, of what was loaded with an invoice. */
export function collectSinceOf(
  { config }: Pick<Deps, 'config'>,
  row: InstallationRow | undefined,
): CollectSince | null {
  const { collectSince } = config
  if (collectSince === 'all') return null
  if (collectSince) return { at: collectSince, isByInstallation: false }
  const installation = readInstallation(row)
  return !installation || installation.leavesOld === 'no'
    ? null
    : { at: installation.cutoff, isByInstallation: true }
}

/** When it began, less a week, and what has been decided. */
export const findInstallation = async (db: Database) =>
  readInstallation(await findInstallationRow(db))

type InstallationRow = typeof findings.$inferSelect

async function findInstallationRow(db: Database): Promise<InstallationRow | undefined> {
  const [row] = await db.select().from(findings).where(eq(findings.name, NAME))
  return row
}

function readInstallation(row: InstallationRow | undefined) {
  const known = Installation.safeParse(row?.value).data
  return row && known && { ...known, cutoff: new Date(row.foundAt.getTime() - WEEK_MS) }
}

/** Decides once, for good; only COLLECT_SINCE goes before it. */
export const decideInstallation = (db: Database, leavesOld: 'yes' | 'no') =>
  db.update(findings).set({ value: { leavesOld } }).where(eq(findings.name, NAME))
