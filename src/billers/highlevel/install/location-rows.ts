import { and, eq, inArray, isNull, notExists, sql } from 'drizzle-orm'

import type { Database, Executor } from '../../../db/client.ts'
import { deliveries, highlevelLocations } from '../../../db/schema.ts'

export type LocationRow = typeof highlevelLocations.$inferSelect

export async function findLocation(
  db: Executor,
  locationId: string,
): Promise<LocationRow | undefined> {
  const [row] = await db
    .select()
    .from(highlevelLocations)
    .where(eq(highlevelLocations.locationId, locationId))
  return row
}

/**
 * A location whose keys count: it has the app, and no UNINSTALL of it is stored that nobody has looked at. Refused
 * tokens keep us from reading at HighLevel, and not HighLevel from asking us.
 */
export async function findKeyHolder(
  db: Database,
  locationId: string,
): Promise<LocationRow | undefined> {
  const leaving = db
    .select({ one: sql`1` })
    .from(deliveries)
    .where(
      and(
        eq(deliveries.source, 'highlevel'),
        eq(deliveries.eventType, 'UNINSTALL'),
        eq(deliveries.wakesKey, locationId),
        isNull(deliveries.processedAt),
      ),
    )
  const [row] = await db
    .select()
    .from(highlevelLocations)
    .where(
      and(
        eq(highlevelLocations.locationId, locationId),
        inArray(highlevelLocations.state, ['installed', 'needs_install']),
        notExists(leaving),
      ),
    )
  return row
}

/** It has the app, and we have its token: whatever was known of its record is to be looked at anew. */
export async function markInstalled(
  db: Executor,
  { locationId, companyId }: { locationId: string; companyId: string | null },
  at: Date,
): Promise<void> {
  const { installedAt, state } = highlevelLocations
  await db
    .insert(highlevelLocations)
    .values({ locationId, companyId, state: 'installed', installedAt: at, createdAt: at })
    .onConflictDoUpdate({
      target: highlevelLocations.locationId,
      set: {
        state: 'installed',
        companyId: sql`coalesce(excluded.company_id, ${highlevelLocations.companyId})`,
        installedBeforeAt: sql`case when ${state} in ('installed', 'needs_install') then ${installedAt} end`,
        installedAt: at,
        uninstalledAt: null,
        connectedAs: null,
        problem: null,
        takenOutAt: null,
      },
    })
}

export const markNeedsInstall = (db: Executor, locationId: string) =>
  db
    .update(highlevelLocations)
    .set({ state: 'needs_install', problem: 'HighLevel refuses its tokens: install the app again' })
    .where(
      and(
        eq(highlevelLocations.locationId, locationId),
        inArray(highlevelLocations.state, ['installed', 'needs_install']),
      ),
    )

/** False when it was installed anew meanwhile. */
export async function markUninstalled(
  db: Executor,
  { locationId, installedAt }: Pick<LocationRow, 'locationId' | 'installedAt'>,
  at: Date,
): Promise<boolean> {
  const isSame = installedAt
    ? eq(highlevelLocations.installedAt, installedAt)
    : isNull(highlevelLocations.installedAt)
  const rows = await db
    .update(highlevelLocations)
    .set({ state: 'uninstalled', uninstalledAt: at, connectedAs: null, problem: null })
    .where(and(eq(highlevelLocations.locationId, locationId), isSame))
    .returning({ locationId: highlevelLocations.locationId })
  return rows.length > 0
}
