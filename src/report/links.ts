import { and, asc, eq, inArray, or, sql } from 'drizzle-orm'

import { formatBooks } from '../collect/money.ts'
import { payUrlOf } from '../collect/load.ts'
import { receivables } from '../db/schema.ts'
import type { Deps } from '../deps.ts'
import { describeCustomer } from './customer.ts'
import { alignColumns, type Write } from '../print/text.ts'

/** The links of one customer, to be sent: to save a card, and to pay each open invoice. The exit code is 1 for nobody. */
export async function links(
  { db, config }: Pick<Deps, 'db' | 'config'>,
  payerKey: string,
  write: Write,
): Promise<number> {
  const [customer, open] = await Promise.all([
    describeCustomer(db, config.publicUrl, payerKey),
    db
      .select()
      .from(receivables)
      .where(
        and(
          eq(receivables.payerKey, payerKey),
          or(eq(receivables.kind, 'invoice'), eq(receivables.kind, 'payment_request')),
          inArray(receivables.state, ['open', 'processing', 'failed', 'attention']),
          // What is paid may need a person as well.
          sql`${receivables.lagoPaymentStatus} is distinct from 'succeeded'`,
        ),
      )
      .orderBy(asc(receivables.createdAt)),
  ])
  if (!customer && open.length === 0) {
    write(`The bridge knows no customer ${payerKey} with anything to pay.`)
    return 1
  }
  if (customer?.accountUrl) write(`All of it    ${customer.accountUrl}`)
  if (customer?.setupUrl && config.collection === 'automatic')
    write(`Save a card  ${customer.setupUrl}`)
  const rows = open.map(({ number, receivableId, amountDue, currency, payToken }) => [
    number ?? receivableId,
    currency ? formatBooks(amountDue, currency) : 'not known yet',
    payUrlOf(config.publicUrl, payToken),
  ])
  for (const line of alignColumns(rows, { indent: '', numeric: [1] })) write(line)
  if (rows.length === 0) write('Nothing is open.')
  return 0
}
