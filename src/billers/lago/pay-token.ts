import { and, eq, isNull, sql } from 'drizzle-orm'

import type { Executor } from '../../db/client.ts'
import { payers, receivables } from '../../db/schema.ts'
import type { Deps } from '../../deps.ts'
import type { LagoInvoice } from '../../lago/objects.ts'

/** A link of ours on whatever host, because PUBLIC_URL may have changed since it was written. */
const OUR_PATH = /\/pay\/([\w-]{22})\/?$/

type Shown = Pick<LagoInvoice, 'lago_id' | 'metadata'>

/** The token of the pay link that a bridge wrote on the invoice, if one did. */
export function payTokenOf({ metadata }: Shown): string | undefined {
  const link = metadata.find(({ key }) => key === 'dodo_pay_url')?.value
  return OUR_PATH.exec(URL.parse(link ?? '')?.pathname ?? '')?.[1]
}

/**
 * A ledger that meets an invoice for the first time takes over the link that it was sent with before, so that what
 * payers hold goes on working. What the ledger knows under another token keeps it.
 */
export async function takeOverPayToken(db: Executor, invoice: Shown): Promise<void> {
  const payToken = payTokenOf(invoice)
  if (!payToken) return
  await db
    .update(receivables)
    .set({ payToken })
    .where(
      and(
        eq(receivables.receivableId, invoice.lago_id),
        isNull(receivables.number),
        isNull(receivables.settledAt),
        isFree(sql`${payToken}::text`),
      ),
    )
}

/** The same for many that the ledger may not know yet: from now on their links are found. Returns how many are new. */
export async function rememberPayLinks(
  { db, now }: Pick<Deps, 'db' | 'now'>,
  listed: readonly Shown[],
): Promise<number> {
  const links = listed.flatMap((invoice) => {
    const token = payTokenOf(invoice)
    return token ? [{ id: invoice.lago_id, token }] : []
  })
  if (links.length === 0) return 0
  // One parameter however many there are; of two receivables under one link the first is meant.
  const inserted = await db.execute(sql`
    insert into ${receivables} (receivable_id, pay_token, created_at)
    select link.id, link.token, ${now().toISOString()}::timestamptz
    from jsonb_to_recordset(${JSON.stringify(links)}::jsonb) as link (id text, token text)
    where ${isFree(sql`link.token`)}
    on conflict do nothing
    returning 1`)
  return inserted.length
}

/** No other row has the token, which names one thing. */
const isFree = (token: ReturnType<typeof sql>) => sql`not exists (
  select 1 from ${receivables} as held where held.pay_token = ${token}
  union all select 1 from ${payers} where ${payers.payToken} = ${token})`
