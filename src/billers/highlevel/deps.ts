import type { Deps } from '../../collect/deps.ts'
import type { createHighlevel } from '../../highlevel/client.ts'
import type { OnAccount } from '../../collect/deps.ts'
import type { KeyKind, Mode } from '../../highlevel/keys.ts'

export type HighlevelClient = ReturnType<typeof createHighlevel>

/** The sub-accounts that have the app. */
export type Locations = {
  /** Whose key it is; undefined for an unknown one, and once the app was taken out there. */
  findByKey: (
    kind: KeyKind,
    key: unknown,
  ) => Promise<{ locationId: string; mode: Mode } | undefined>
  /** The Dodo account that collects for it now; undefined where that mode is not served. */
  accountOf: (whose: { locationId: string; mode: Mode }) => Promise<string | undefined>
  /** Its API, with a token that is renewed when it ends. */
  clientFor: (locationId: string) => HighlevelClient
  isUninstalled: (locationId: string) => Promise<boolean>
}

export type HighlevelDeps = Pick<Deps, 'config' | 'db' | 'queue' | 'log' | 'now'> & {
  locations: Locations
  /** What to work with on one Dodo account. */
  onAccount: OnAccount
  /** How events leave: with a deadline, and without a token. */
  tellFetch: typeof globalThis.fetch
}
