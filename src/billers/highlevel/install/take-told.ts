import { sql } from 'drizzle-orm'

import { highlevelLocations } from '../../../db/schema.ts'
import { stopSubscriptionsOf } from '../recurring/stop.ts'
import type { Installing } from './installing.ts'
import { findLocation, markUninstalled, type LocationRow } from './location-rows.ts'
import { NeedsInstall } from './needs-install.ts'
import { finishTold, type Told } from './told.ts'

/** What HighLevel said of a location becomes true here, once. */
export async function takeTold(deps: Installing, locationId: string, told: Told): Promise<void> {
  const { db, now } = deps
  const location = await findLocation(db, locationId)
  const outcome =
    told.type === 'INSTALL'
      ? await takeInstall(deps, { locationId, location, told })
      : await takeUninstall(deps, { locationId, location, told })
  await finishTold(db, told, { at: now(), outcome })
}

type Subject = { locationId: string; location: LocationRow | undefined; told: Told }

/** It never makes keys count: only a token does, and whether there is one to be had HighLevel knows. */
async function takeInstall({ db, now }: Installing, { locationId, location, told }: Subject) {
  const { companyId = null } = told
  const isOld = location?.uninstalledAt && told.at !== undefined && told.at < location.uninstalledAt
  if (isOld) return 'older than the UNINSTALL that came before it'
  const { state } = highlevelLocations
  await db
    .insert(highlevelLocations)
    .values({ locationId, companyId, state: 'awaiting', createdAt: now() })
    .onConflictDoUpdate({
      target: highlevelLocations.locationId,
      set: {
        companyId: sql`coalesce(${highlevelLocations.companyId}, excluded.company_id)`,
        state: sql`case when ${state} = 'uninstalled' then 'awaiting' else ${state} end`,
      },
    })
  return 'read'
}

async function takeUninstall(deps: Installing, { locationId, location, told }: Subject) {
  if (!location || location.state === 'uninstalled') return 'nothing was installed'
  const isOver = location.installedAt && told.receivedAt < location.installedAt
  if (isOver && !told.isSaidAgain) return OVER
  if (isDoubtful(location, told) && (await hasApp(deps, locationId))) return OVER
  if (await uninstall(deps, location, told.at ?? deps.now())) return 'read'
  // Somebody installs it anew in this moment: what was said is looked at again, against that.
  return takeUninstall(deps, {
    locationId,
    location: await findLocation(deps.db, locationId),
    told,
  })
}

const OVER = 'about an installation that has been followed by another'

/**
 * One that names no app may be about another's, and one that was said before, in the same bytes, about what it was about
 * then. Where an installation followed another of which nobody has told the end, one that is late, and older or of no time,
 * may be about the former. HighLevel itself knows.
 */
const isDoubtful = (location: LocationRow, told: Told) =>
  told.appId === undefined || told.isSaidAgain || mayBeOfFormer(location, told)

const mayBeOfFormer = ({ installedAt, installedBeforeAt }: LocationRow, { at }: Told) =>
  installedAt !== null &&
  installedBeforeAt !== null &&
  (at === undefined || (at >= installedBeforeAt && at < installedAt))

async function hasApp({ highlevel }: Installing, locationId: string): Promise<boolean> {
  try {
    await highlevel.clientFor(locationId).findProvider()
    return true
  } catch (error) {
    if (error instanceof NeedsInstall) return false
    throw error
  }
}

/**
 * Its keys stop, its tokens are gone, and its subscriptions end; what was paid stays as it is. False, and nothing is
 * done, when the location was installed anew since it was looked at.
 */
export async function uninstall(
  { db, queue, highlevel: { tokens } }: Pick<Installing, 'db' | 'queue' | 'highlevel'>,
  { locationId, installedAt }: Pick<LocationRow, 'locationId' | 'installedAt'>,
  at: Date,
): Promise<boolean> {
  try {
    await db.transaction(async (tx) => {
      // In the order in which an installation takes them, or the two could wait for each other.
      await tokens.drop(tx, locationId)
      if (!(await markUninstalled(tx, { locationId, installedAt }, at))) throw new InstalledAnew()
      await stopSubscriptionsOf(tx, { queue }, locationId, at)
    })
    return true
  } catch (error) {
    if (error instanceof InstalledAnew) return false
    throw error
  }
}

class InstalledAnew extends Error {}
