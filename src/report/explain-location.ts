import { eq } from 'drizzle-orm'

import { formatDodo } from '../collect/money.ts'
import type { Database } from '../db/client.ts'
import { dodoAccounts, highlevelLocations } from '../db/schema.ts'
import { listLocationOrders } from './location-orders.ts'
import { section } from '../print/text.ts'

/** How a location of HighLevel stands, with its newest orders; undefined when the bridge knows none of that id. */
export async function explainLocation(db: Database, id: string): Promise<string[] | undefined> {
  const [location] = await db
    .select()
    .from(highlevelLocations)
    .where(eq(highlevelLocations.locationId, id))
  if (!location) return undefined
  const own = await db.select().from(dodoAccounts).where(eq(dodoAccounts.tenant, id))
  const orders = await listLocationOrders(db, id)
  const { state, companyId, connectedAt, problem, uninstalledAt } = location
  return [
    `Location ${id} of HighLevel`,
    ...section('Installation', [
      ['State', state],
      ['Agency', companyId ?? 'not known'],
      ['Connected', connectedAt?.toISOString() ?? 'not yet'],
      ...(uninstalledAt ? [['Uninstalled', uninstalledAt.toISOString()]] : []),
      ...(problem === null ? [] : [['Problem', problem]]),
      ...own
        .filter(({ endedAt }) => endedAt === null)
        .map(({ mode, createdAt }) => [
          `Own account`,
          `${mode} mode, since ${createdAt.toISOString()}`,
        ]),
    ]),
    ...section(
      'Newest orders',
      orders.map(({ orderId, key, mode, amount, currency, state: standing, reason }) => [
        orderId,
        key,
        mode,
        formatDodo(amount, currency),
        standing,
        reason,
      ]),
    ),
    '',
    'More: `bridge locations`, and `bridge explain` of an order.',
  ]
}
