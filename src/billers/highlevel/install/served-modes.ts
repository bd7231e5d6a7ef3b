import { and, eq, isNull } from 'drizzle-orm'

import type { Config } from '../../../config.ts'
import type { Database } from '../../../db/client.ts'
import { dodoAccounts } from '../../../db/schema.ts'
import type { Mode } from '../../../highlevel/keys.ts'
import { MODES } from './connection.ts'

/** Into which Dodo account the money of a location's mode goes; `none`: the mode is not served. */
type AccountKind = 'shared' | 'own' | 'none'
export type AccountsByMode = Record<Mode, AccountKind>

type Sharing = Pick<Config, 'dodo' | 'dodoTest' | 'highlevel'>

/** A deployment of test mode serves nothing else, whatever a location has entered. */
export const mayServe = ({ dodo }: Pick<Config, 'dodo'>, mode: Mode) =>
  mode === 'test' || dodo.environment === 'live'

/** Which accounts locations have, each by the mode: their own before the deployment's. */
export async function readAccounts(
  { config, db }: { config: Sharing; db: Database },
  locationId?: string,
): Promise<(locationId: string) => AccountsByMode> {
  const { tenant, mode: ofMode } = dodoAccounts
  const own = await db
    .select({ tenant, mode: ofMode })
    .from(dodoAccounts)
    .where(
      and(
        eq(dodoAccounts.source, 'highlevel'),
        isNull(dodoAccounts.endedAt),
        locationId === undefined ? undefined : eq(tenant, locationId),
      ),
    )
  const owners = new Set(own.map((one) => `${one.mode} ${one.tenant}`))
  const isShared = (mode: Mode) =>
    config.highlevel?.accounts === 'shared' &&
    (mode === config.dodo.environment || (mode === 'test' && config.dodoTest !== undefined))

  return (id) => {
    const kindOf = (mode: Mode): AccountKind => {
      if (!mayServe(config, mode)) return 'none'
      return owners.has(`${mode} ${id}`) ? 'own' : isShared(mode) ? 'shared' : 'none'
    }
    return { live: kindOf('live'), test: kindOf('test') }
  }
}

export const servedOf = (accounts: AccountsByMode): Mode[] =>
  MODES.filter((mode) => accounts[mode] !== 'none')
