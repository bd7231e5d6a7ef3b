import { eq } from 'drizzle-orm'

import { findLocation } from '../../../src/billers/highlevel/install/location-rows.ts'
import type { HighlevelAccess } from '../../../src/billers/highlevel/install/open.ts'
import { highlevelTokens } from '../../../src/db/schema.ts'
import { makeKey, type KeyKind, type Mode } from '../../../src/highlevel/keys.ts'
import { HIGHLEVEL_APP, HIGHLEVEL_SECRET, openWorld } from '../../support/world.ts'

export const LOCATION = 'loc_demo_1'
const PATIENCE_MS = 60_000
const LOOK_MS = 25

export type InstallWorld = Awaited<ReturnType<typeof openInstallWorld>>

/** A world with a HighLevel whose locations may install the app. */
export async function openInstallWorld(options: Parameters<typeof openWorld>[0] = {}) {
  const world = await openWorld({ highlevel: {}, ...options })
  const { highlevel, bridge } = world
  const app: { scopes: readonly string[] } = HIGHLEVEL_APP
  highlevel.createLocation(LOCATION)

  const callback = (code: string) =>
    world.get(`/highlevel/oauth/callback?code=${encodeURIComponent(code)}`)
  const access = (): HighlevelAccess => {
    if (!bridge.highlevel) throw new Error('HighLevel is off')
    return bridge.highlevel
  }
  const find = (locationId = LOCATION) => findLocation(bridge.db, locationId)

  return {
    ...world,
    /** What the marketplace knows of the app. */
    app,
    access,
    callback,
    find,
    /** What a person does who installs the app in one location. */
    install: async (locationId = LOCATION) => callback(highlevel.install(locationId)),
    integration: (locationId = LOCATION) => highlevel.store.integrations.get(locationId),
    tokensOf: async (owner: string) => {
      const where = eq(highlevelTokens.owner, owner)
      const [row] = await bridge.db.select().from(highlevelTokens).where(where)
      return row
    },
    /** Waits until the location is as described. */
    async until(
      check: (location: NonNullable<Awaited<ReturnType<typeof find>>>) => boolean,
      locationId = LOCATION,
    ) {
      const endMs = performance.now() + PATIENCE_MS
      for (;;) {
        const location = await find(locationId)
        if (location && check(location)) return location
        if (performance.now() > endMs) throw new Error(`still ${JSON.stringify(location)}`)
        await Bun.sleep(LOOK_MS)
      }
    },
    /** Calls of HighLevel's API that change something, in order. */
    writes: () =>
      world.requests
        .filter(({ method, url }) => method !== 'GET' && new URL(url).host === 'highlevel.test')
        .map(({ method, url }) => `${method} ${new URL(url).pathname}`),
    /** A marketplace webhook as HighLevel sends it, signed over these very bytes. */
    deliver: (body: string, signature: string | null) =>
      world.get('/webhooks/highlevel', {
        method: 'POST',
        headers: {
          'Content-Type': 'application/json',
          ...(signature !== null && { 'X-GHL-Signature': signature }),
        },
        body,
      }),
  }
}

export const keyOf = (
  mode: Mode,
  {
    kind = 'apiKey',
    locationId = LOCATION,
    secret = HIGHLEVEL_SECRET,
  }: { kind?: KeyKind; locationId?: string; secret?: string } = {},
) => makeKey(secret, { kind, mode, locationId })
