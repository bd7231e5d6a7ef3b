import { asc, eq } from 'drizzle-orm'

import type { Database } from '../db/client.ts'
import { accountPages, payers, mandates } from '../db/schema.ts'
import { accountUrlOf } from '../collect/account.ts'
import { payUrlOf } from '../collect/load.ts'

/** Where a customer sees and pays all that they owe; null until an invoice of theirs was looked at. */
async function findAccountUrl(
  db: Database,
  publicUrl: string,
  payerKey: string,
): Promise<string | null> {
  const [account] = await db.select().from(accountPages).where(eq(accountPages.payerKey, payerKey))
  return account ? accountUrlOf(publicUrl, account.token) : null
}

export type CustomerReport = NonNullable<Awaited<ReturnType<typeof describeCustomer>>>

/**
 * What the bridge knows of a customer, by Lago's external id, and where they pay or save a card. Who has no e-mail
 * address is not known to Dodo, and is a customer all the same.
 */
export async function describeCustomer(db: Database, publicUrl: string, lagoCustomerId: string) {
  const [[row], accountUrl] = await Promise.all([
    db.select().from(payers).where(eq(payers.payerKey, lagoCustomerId)),
    findAccountUrl(db, publicUrl, lagoCustomerId),
  ])
  if (!row && accountUrl === null) return undefined
  const ofCustomer = await db
    .select()
    .from(mandates)
    .where(eq(mandates.payerKey, lagoCustomerId))
    .orderBy(asc(mandates.madeAt))
  return {
    customer: lagoCustomerId,
    dodoCustomerId: row?.dodoCustomerId ?? null,
    /** Where they save a card; null as long as Dodo was never told of them. */
    setupUrl: row ? payUrlOf(publicUrl, row.payToken) : null,
    /** Where they see and pay all that they owe; null until an invoice of theirs was looked at. */
    accountUrl,
    mandates: ofCustomer.map((one) => ({
      dodoSubscriptionId: one.dodoSubscriptionId,
      currency: one.currency,
      status: one.status,
      reason: one.refusal ?? (one.isEnding ? 'it is being cancelled' : null),
      /** A person stopped it: Dodo is told to cancel it. */
      isStopped: one.stoppedAt !== null,
      renewedAt: one.renewedAt,
      /** What may be shown of its card, and the last month in which it is good; null until Dodo was asked. */
      card: one.cardLastFour && `${one.cardNetwork ?? 'Card'} ···${one.cardLastFour}`,
      cardEnds: one.cardEnds,
    })),
  }
}
