import { eq, sql } from 'drizzle-orm'

import type { Executor } from '../db/client.ts'
import { accountPages } from '../db/schema.ts'
import { newPayToken } from './load.ts'

/** How a payer reads: in the language and the time zone that the books know of them, if they do. */
export type Reader = { payerKey: string; language: string | null; timezone: string | null }
export type Account = typeof accountPages.$inferSelect
type Noting = { db: Executor; now: () => Date }

/** Where a payer sees all that they owe, for as long as nobody revokes it. */
export const accountUrlOf = (publicUrl: string, token: string) => `${publicUrl}/account/${token}`

/** Writes down how a payer reads; their link is made when we first hear of them. A statement, to be run or taken into another. */
export function noteAccount({ db, now }: Noting, { payerKey, language, timezone }: Reader) {
  const isOther = sql`(${accountPages.language}, ${accountPages.timezone}) is distinct from (excluded.language, excluded.timezone)`
  return db
    .insert(accountPages)
    .values({ payerKey, token: newPayToken(), language, timezone, createdAt: now() })
    .onConflictDoUpdate({
      target: accountPages.payerKey,
      set: { language, timezone },
      setWhere: isOther,
    })
}

/** The account of a payer, made now if nobody has heard of them yet. */
export async function ensureAccount({ db, now }: Noting, payerKey: string): Promise<Account> {
  await db
    .insert(accountPages)
    .values({ payerKey, token: newPayToken(), createdAt: now() })
    .onConflictDoNothing()
  const [account] = await db.select().from(accountPages).where(eq(accountPages.payerKey, payerKey))
  if (!account) throw new Error(`the account of ${payerKey} vanished`)
  return account
}
