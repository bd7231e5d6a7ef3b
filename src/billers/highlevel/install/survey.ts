import { asc, eq } from 'drizzle-orm'

import { highlevelLocations, highlevelTokens } from '../../../db/schema.ts'
import type { Integration } from '../../../highlevel/objects.ts'
import type { Mode } from '../../../highlevel/keys.ts'
import { isAllowed } from './allowed.ts'
import { connectionFor, findConnectionDifferences, type Connection } from './connection.ts'
import type { Installing } from './installing.ts'
import type { LocationRow } from './location-rows.ts'
import { readAccounts, servedOf, type AccountsByMode } from './served-modes.ts'

/** So many are asked about at a time; each has limits of its own at HighLevel. */
const AT_ONCE = 8

type Surveying = Pick<Installing, 'config' | 'db' | 'highlevel'>

export type Standing = {
  location: LocationRow
  tokens: typeof highlevelTokens.$inferSelect | null
  accounts: AccountsByMode
  isAllowed: boolean
}

/** Every location that has, had, or is said to have the app, as it stands here. */
export async function listStandings({ config, db, highlevel }: Surveying): Promise<Standing[]> {
  const accountsOf = await readAccounts({ config, db })
  const rows = await db
    .select()
    .from(highlevelLocations)
    .leftJoin(highlevelTokens, eq(highlevelTokens.owner, highlevelLocations.locationId))
    .orderBy(asc(highlevelLocations.locationId))
  return rows.map(({ highlevel_locations: location, highlevel_tokens: tokens }) => ({
    location,
    tokens,
    accounts: accountsOf(location.locationId),
    isAllowed: isAllowed(highlevel.settings, location),
  }))
}

export type Surveyed = Standing & {
  wanted: Connection
  /** As HighLevel has it; undefined when there is none. */
  provider: Integration | undefined
  /** What is not as it has to be, in words. */
  differences: string[]
  /** Why HighLevel could not be asked. */
  problem: unknown
}

/** Those that are to be connected, as HighLevel has them. Nothing is changed, but a token that ends is refreshed. */
export async function surveyLocations(deps: Surveying): Promise<Surveyed[]> {
  const waiting = (await listStandings(deps)).filter(isToBeConnected)
  const surveyed: Surveyed[] = []
  const askNext = async () => {
    for (let next = waiting.shift(); next; next = waiting.shift())
      surveyed.push(await survey(deps, next))
  }
  await Promise.all(Array.from({ length: AT_ONCE }, askNext))
  return surveyed.toSorted((one, other) =>
    one.location.locationId < other.location.locationId ? -1 : 1,
  )
}

export const isToBeConnected = ({ location, isAllowed: may }: Standing) =>
  may && location.state === 'installed' && location.takenOutAt === null

export const wantedFor = (
  { highlevel }: Pick<Surveying, 'highlevel'>,
  { location, accounts }: Pick<Standing, 'location' | 'accounts'>,
): Connection =>
  connectionFor(
    { highlevel: highlevel.settings, publicUrl: highlevel.publicUrl },
    location.locationId,
    servedOf(accounts),
  )

async function survey(deps: Surveying, standing: Standing): Promise<Surveyed> {
  const { locationId } = standing.location
  const wanted = wantedFor(deps, standing)
  try {
    const provider = await deps.highlevel.clientFor(locationId).findProvider()
    const differences = findConnectionDifferences(provider, wanted)
    return { ...standing, wanted, provider, differences, problem: undefined }
  } catch (problem) {
    return { ...standing, wanted, provider: undefined, differences: [], problem }
  }
}

/** Modes as people read them: `live shared, test own`. */
export const describeAccounts = (accounts: Record<Mode, string>) =>
  `live ${accounts.live}, test ${accounts.test}`
