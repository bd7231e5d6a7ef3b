import { and, isNotNull, lt } from 'drizzle-orm'

import { highlevelTokens } from '../../../db/schema.ts'
import { digestOf } from './connection.ts'
import type { Installing } from './installing.ts'
import { isToBeConnected, listStandings, wantedFor } from './survey.ts'
import { MARGIN_MS } from './token-of.ts'

/** Locations that have the app and whose record is not known to be as it has to: begun and not finished, or changed since. */
export async function findUnconnected(deps: Installing) {
  const standings = (await listStandings(deps)).filter(isToBeConnected)
  return standings
    .filter((standing) => standing.location.connectedAs !== digestOf(wantedFor(deps, standing)))
    .map(({ location: { locationId } }) => ({
      key: locationId,
      what: `location ${locationId} of HighLevel is not connected as it has to be`,
      about: { kind: 'other' as const, id: locationId },
    }))
}

/** Whose tokens end before the next sweeps: whoever does not sell for a year must not lose them. */
export async function findEndingTokens({ config, db, now }: Installing) {
  const before = new Date(now().getTime() + MARGIN_MS + 2 * config.reconcileEveryMs)
  const rows = await db
    .select({ key: highlevelTokens.owner })
    .from(highlevelTokens)
    .where(and(isNotNull(highlevelTokens.accessToken), lt(highlevelTokens.expiresAt, before)))
  return rows.map(({ key }) => ({ kind: 'installation' as const, key }))
}
