import { asc, eq } from 'drizzle-orm'

import { bundles, invoices } from '../db/schema.ts'
import type { Deps } from '../deps.ts'
import { alignColumns, count, type Write } from './text.ts'

/** Lists all that a person must look at, with the reason. The exit code is 1 if there is anything. */
export async function listAttention({ db }: Pick<Deps, 'db'>, write: Write): Promise<number> {
  const [troubled, requests] = await Promise.all([
    db
      .select()
      .from(invoices)
      .where(eq(invoices.state, 'attention'))
      .orderBy(asc(invoices.createdAt)),
    db.select().from(bundles).where(eq(bundles.state, 'attention')).orderBy(asc(bundles.createdAt)),
  ])
  const rows = [
    ...troubled.map(({ number, lagoInvoiceId, lagoCustomerId, reason }) => [
      number ?? lagoInvoiceId,
      lagoCustomerId ?? 'no customer',
      reason,
    ]),
    ...requests.map(({ lagoPaymentRequestId, lagoCustomerId, reason }) => [
      `payment request ${lagoPaymentRequestId}`,
      lagoCustomerId,
      reason,
    ]),
  ]
  if (rows.length === 0) {
    write('Nothing needs attention.')
    return 0
  }
  write(`${count(rows.length, 'thing')} that a person must look at:`)
  for (const line of alignColumns(rows)) write(line)
  return 1
}
