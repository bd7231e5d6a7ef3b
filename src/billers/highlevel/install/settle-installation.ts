import { and, eq, ne, sql } from 'drizzle-orm'

import { isAnyOf } from '../../../db/any-of.ts'
import { highlevelLocations } from '../../../db/schema.ts'
import { ApiError, reasonOf } from '../../../errors.ts'
import { wake } from '../../../wakes.ts'
import { listInstalledOf, takeAgencyUninstall } from './agency.ts'
import { isAllowed } from './allowed.ts'
import { connect, connectionFor, digestOf } from './connection.ts'
import type { Installing } from './installing.ts'
import { findLocation, markInstalled, type LocationRow } from './location-rows.ts'
import { NeedsInstall } from './needs-install.ts'
import { readAccounts, servedOf } from './served-modes.ts'
import { takeTold } from './take-told.ts'
import { makeLocationToken } from './token-of.ts'
import { finishTold, listTold } from './told.ts'
import { companyOf, ownerOfCompany } from './tokens.ts'

/**
 * Brings one location, or one agency (`company:<id>`), into agreement with what HighLevel said of it: has it the app,
 * have we its token, and does its provider record stand as it has to. Whatever the cause, it is the same look.
 */
export async function settleInstallation(deps: Installing, key: string): Promise<void> {
  const companyId = companyOf(key)
  if (companyId === undefined) await settleLocation(deps, key)
  else await settleCompany(deps, companyId)
}

async function settleLocation(deps: Installing, locationId: string) {
  const { db, highlevel } = deps
  for (const told of await listTold(db, locationId)) await takeTold(deps, locationId, told)
  const known = await findLocation(db, locationId)
  if (!known || known.state === 'uninstalled') return
  const location = known.state === 'installed' ? known : await makeItsToken(deps, known)
  if (!location || location.takenOutAt || !isAllowed(highlevel.settings, location)) return
  await connectLocation(deps, location)
}

/** Of a location that came with its agency; undefined where no agency of ours has it. */
async function makeItsToken(
  { db, now, highlevel }: Installing,
  { locationId, companyId: named }: LocationRow,
): Promise<LocationRow | undefined> {
  const { tokens, settings } = highlevel
  const companies = named === null ? await tokens.listCompanies() : [named]
  for (const companyId of companies) {
    if (!isAllowed(settings, { locationId, companyId })) continue
    const answer = await makeLocationToken(highlevel, { locationId, companyId })
    if (!answer) continue
    await db.transaction(async (tx) => {
      await tokens.keep(tx, locationId, answer)
      await markInstalled(tx, { locationId, companyId }, now())
    })
    return findLocation(db, locationId)
  }
  return undefined
}

/** What HighLevel refuses is written down, and tried again at each sweep. */
async function connectLocation(deps: Installing, location: LocationRow) {
  const { highlevel } = deps
  const { locationId, connectedAs } = location
  const { settings, publicUrl } = highlevel
  const served = servedOf((await readAccounts(deps, locationId))(locationId))
  const connection = connectionFor({ highlevel: settings, publicUrl }, locationId, served)
  const digest = digestOf(connection)
  try {
    const mayHaveOldKeys = connectedAs !== digest
    await connect(highlevel.clientFor(locationId, 'live'), connection, { mayHaveOldKeys })
    await noteConnected(deps, location, digest)
  } catch (error) {
    const isRefused = error instanceof ApiError && error.outcome === 'refused'
    if (error instanceof NeedsInstall) return
    if (!isRefused || error.status === undefined) throw error
    deps.log.warn({ locationId, status: error.status }, 'location not connected')
    await deps.db
      .update(highlevelLocations)
      .set({ problem: reasonOf(error) })
      .where(eq(highlevelLocations.locationId, locationId))
  }
}

/** Unless it was uninstalled, or installed anew, while it was connected. */
async function noteConnected({ db, now, log }: Installing, location: LocationRow, digest: string) {
  const { locationId, installedAt } = location
  const { connectedAs, state } = highlevelLocations
  const rows = await db
    .update(highlevelLocations)
    .set({ connectedAs: digest, connectedAt: now(), problem: null })
    .where(
      and(
        eq(highlevelLocations.locationId, locationId),
        eq(state, 'installed'),
        installedAt ? eq(highlevelLocations.installedAt, installedAt) : sql`true`,
        sql`${connectedAs} is distinct from ${digest}`,
      ),
    )
    .returning({ locationId: highlevelLocations.locationId })
  if (rows.length > 0) log.info({ locationId }, 'location connected')
}

/** Every location of the agency that has the app, is allowed and has no token of ours yet, is looked at. */
async function settleCompany(deps: Installing, companyId: string) {
  const { db, now, highlevel } = deps
  const { tokens, settings } = highlevel
  const owner = ownerOfCompany(companyId)
  for (const told of await listTold(db, owner)) {
    const outcome =
      told.type === 'UNINSTALL' ? await takeAgencyUninstall(deps, companyId, told) : 'read'
    await finishTold(db, told, { at: now(), outcome })
  }
  if (!(await tokens.read(owner))) return
  const installed = (await listInstalledOf(deps, companyId)) ?? []
  const allowed = installed.filter((locationId) => isAllowed(settings, { locationId, companyId }))
  if (allowed.length === 0) return
  const createdAt = now()
  await db
    .insert(highlevelLocations)
    .values(
      allowed.map((locationId) => ({
        locationId,
        companyId,
        state: 'awaiting' as const,
        createdAt,
      })),
    )
    .onConflictDoNothing()
  const { locationId, state } = highlevelLocations
  const lacking = await db
    .select({ locationId })
    .from(highlevelLocations)
    .where(and(isAnyOf(locationId, allowed), ne(state, 'installed')))
  const keys = lacking.map((one) => one.locationId)
  await db
    .update(highlevelLocations)
    .set({
      companyId,
      state: sql`case when ${state} = 'uninstalled' then 'awaiting' else ${state} end`,
    })
    .where(isAnyOf(locationId, keys))
  await wake(deps, 'installation', keys, 'operator')
}
