import { eq } from 'drizzle-orm'

import type { Urgency } from '../../../budget.ts'
import type { Alone } from '../../../collect/alone.ts'
import type { Database } from '../../../db/client.ts'
import { highlevelLocations } from '../../../db/schema.ts'
import { createHighlevel, type Highlevel } from '../../../highlevel/client.ts'
import { readKey, type KeyKind, type Mode } from '../../../highlevel/keys.ts'
import { createHighlevelOauth } from '../../../highlevel/oauth.ts'
import { createSeal } from '../../../highlevel/sealed.ts'
import type { Fetch } from '../../../vendor-fetch.ts'
import { isAllowed, type HighlevelConfig } from './allowed.ts'
import { findKeyHolder } from './location-rows.ts'
import { createPlug } from './plug.ts'
import { createRenewingFetch } from './renewing-fetch.ts'
import { createTokenOf } from './token-of.ts'
import { createTokenStore } from './tokens.ts'

/** That HighLevel answers is written down this often. */
const NOTE_EVERY_MS = 60_000

export type HighlevelAccess = ReturnType<typeof openHighlevelAccess>

/** Whom HighLevel's keys are of, and clients for those who have the app. Nothing is read or asked before it is used. */
export function openHighlevelAccess({
  config,
  publicUrl,
  db,
  alone,
  now,
  fetch,
  ask = fetch,
  stop,
}: {
  config: HighlevelConfig
  publicUrl: string
  db: Database
  alone: Alone
  now: () => Date
  /** How whatever is asked of others than HighLevel leaves. */
  fetch: Fetch
  /** How HighLevel is asked. */
  ask?: Fetch
  stop: AbortSignal
}) {
  const plug = createPlug({ fetch: ask, now, stop })
  const seal = createSeal(config.secrets)
  const tokens = createTokenStore({ db, seal, now })
  const oauth = createHighlevelOauth({
    ...config,
    redirectUrl: `${publicUrl}/highlevel/oauth/callback`,
    fetch: plug('tokens', 'urgent'),
  })
  const tokenOf = createTokenOf({ db, alone, oauth, tokens, now })
  const notedAt = new Map<string, number>()

  function noteAnswer(locationId: string) {
    const at = performance.now()
    if (at - (notedAt.get(locationId) ?? -Infinity) < NOTE_EVERY_MS) return
    notedAt.set(locationId, at)
    // It is for people to read: no answer is held up for it, nor fails.
    void db
      .update(highlevelLocations)
      .set({ answeredAt: now() })
      .where(eq(highlevelLocations.locationId, locationId))
      .then(
        () => undefined,
        () => undefined,
      )
  }

  return {
    settings: config,
    publicUrl,
    now,
    /** How whatever else is asked for a location leaves. */
    fetch,
    stop,
    alone,
    oauth,
    seal,
    tokens,
    tokenOf,

    /**
     * Whose key it is, and of which mode, in constant time; undefined for what is no key of ours, is of the other
     * kind, or is of a location that is not allowed or does not have the app any more.
     */
    findLocationByKey: async (
      kind: KeyKind,
      key: unknown,
    ): Promise<{ locationId: string; mode: Mode } | undefined> => {
      const read = readKey(config.secrets, kind, key)
      const holder = read && (await findKeyHolder(db, read.locationId))
      return holder && isAllowed(config, holder) ? read : undefined
    },

    /**
     * HighLevel as one location sees it. Its calls throw `NeedsInstall` once HighLevel refuses its tokens, and
     * otherwise what `createHighlevel` says.
     */
    clientFor: (locationId: string, urgency: Urgency = 'urgent'): Highlevel =>
      createHighlevel({
        url: config.url,
        locationId,
        readToken: () => tokenOf(locationId),
        fetch: createRenewingFetch({
          fetch: plug(locationId, urgency),
          renew: (rejected) => tokenOf(locationId, rejected),
          onAnswer: () => noteAnswer(locationId),
        }),
      }),
  }
}
