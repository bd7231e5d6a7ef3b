import { asc, eq } from 'drizzle-orm'

import type { Database } from '../db/client.ts'
import { payers, mandates } from '../db/schema.ts'
import { payUrlOf } from '../collect/load.ts'

export type CustomerReport = NonNullable<Awaited<ReturnType<typeof describeCustomer>>>

/** What the bridge knows of a customer, by Lago's external id, and where they can save a card. */
export async function describeCustomer(db: Database, publicUrl: string, lagoCustomerId: string) {
  const [row] = await db.select().from(payers).where(eq(payers.payerKey, lagoCustomerId))
  if (!row) return undefined
  const ofCustomer = await db
    .select()
    .from(mandates)
    .where(eq(mandates.payerKey, lagoCustomerId))
    .orderBy(asc(mandates.madeAt))
  return {
    customer: lagoCustomerId,
    dodoCustomerId: row.dodoCustomerId,
    setupUrl: payUrlOf(publicUrl, row.payToken),
    mandates: ofCustomer.map(
      ({ dodoSubscriptionId, currency, status, isEnding, refusal, renewedAt }) => ({
        dodoSubscriptionId,
        currency,
        status,
        reason: refusal ?? (isEnding ? 'it is being cancelled' : null),
        renewedAt,
      }),
    ),
  }
}
