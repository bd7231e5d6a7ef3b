import { and, eq, isNull } from 'drizzle-orm'

import type { Accounts } from '../../accounts.ts'
import type { Config } from '../../config.ts'
import type { Database } from '../../db/client.ts'
import { dodoAccounts } from '../../db/schema.ts'
import type { Locations } from './deps.ts'
import { findLocation } from './install/location-rows.ts'
import type { HighlevelAccess } from './install/open.ts'

/** The sub-accounts as those see them who take their payments. */
export function createLocations(
  { config, db, accounts }: { config: Config; db: Database; accounts: Accounts },
  access: Pick<HighlevelAccess, 'findLocationByKey' | 'clientFor'>,
): Locations {
  return {
    findByKey: (kind, key) => access.findLocationByKey(kind, key),
    clientFor: (locationId) => access.clientFor(locationId),
    async accountOf({ locationId, mode }) {
      const [own] = await db
        .select({ account: dodoAccounts.account })
        .from(dodoAccounts)
        .where(
          and(
            eq(dodoAccounts.source, 'highlevel'),
            eq(dodoAccounts.tenant, locationId),
            eq(dodoAccounts.mode, mode),
            isNull(dodoAccounts.endedAt),
          ),
        )
      if (own) return own.account
      return config.highlevel?.accounts === 'shared' ? accounts.ofMode(mode)?.id : undefined
    },
    async isUninstalled(locationId) {
      const location = await findLocation(db, locationId)
      return location?.state === 'uninstalled'
    },
  }
}
