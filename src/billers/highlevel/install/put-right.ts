import { eq } from 'drizzle-orm'

import { highlevelLocations } from '../../../db/schema.ts'
import { NeedsInstall } from './needs-install.ts'
import { connect, digestOf, type Connection } from './connection.ts'
import type { Installing } from './installing.ts'

type Putting = Pick<Installing, 'db' | 'now' | 'highlevel'>

/** Puts a location's record and keys at HighLevel right, now. Throws what HighLevel refuses. */
export async function putRight(
  { db, now, highlevel }: Putting,
  locationId: string,
  wanted: Connection,
): Promise<void> {
  await connect(highlevel.clientFor(locationId), wanted, { mayHaveOldKeys: true })
  await db
    .update(highlevelLocations)
    .set({
      connectedAs: digestOf(wanted),
      connectedAt: now(),
      problem: null,
      takenOutAt: null,
    })
    .where(eq(highlevelLocations.locationId, locationId))
}

/**
 * Takes a location's record out of HighLevel, and leaves it out until a person wants it back. That it is to be out is
 * written down first, so that no sweep puts it back meanwhile.
 */
export async function takeOut(
  { db, now, highlevel }: Putting,
  locationId: string,
): Promise<'taken_out' | 'was_out'> {
  await db
    .update(highlevelLocations)
    .set({ takenOutAt: now(), connectedAs: null, problem: null })
    .where(eq(highlevelLocations.locationId, locationId))
  const client = highlevel.clientFor(locationId)
  try {
    if (!(await client.findProvider())) return 'was_out'
    await client.deleteProvider()
    return 'taken_out'
  } catch (error) {
    // What has no token of ours is nothing that we could take out.
    if (error instanceof NeedsInstall) return 'was_out'
    throw error
  }
}
