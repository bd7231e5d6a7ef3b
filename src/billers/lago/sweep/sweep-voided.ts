import { and, eq, isNotNull, ne } from 'drizzle-orm'
import { z } from 'zod'

import { allow, recall, remember } from '../../../collect/sweep/progress.ts'
import { isAnyOf } from '../../../db/any-of.ts'
import { receivables } from '../../../db/schema.ts'
import { asFound } from './find-in-lago.ts'
import type { Unpaid } from './sweep-unpaid.ts'

/** At one sweep; what is not reached has its turn at the next. */
const PAGES = 10
const NAME = 'voided'
const Progress = z.object({ page: z.number() })

/**
 * Finds the invoices that were made void while we held them for something else: one that was paid before is in no list
 * of unpaid ones, and only its webhook, which may be lost, told of it.
 */
export async function sweepVoided(deps: Unpaid): Promise<void> {
  const { db, lago, now, isDryRun, isThorough } = deps
  const begun = isThorough ? undefined : await recall(db, NAME, Progress)
  const allowance = allow(isThorough ? Number.POSITIVE_INFINITY : PAGES, deps.isOver)
  for (let page = begun?.page ?? 1; allowance.mayGoOn(); page += 1) {
    allowance.spend()
    const { ids, isLast } = await lago.voidedPage(page)
    await deps.found.take(await findUnnoticed(deps, ids))
    if (!isDryRun) await remember(db, NAME, { page: isLast ? 1 : page + 1 }, now())
    if (isLast) return
  }
}

async function findUnnoticed({ db }: Unpaid, ids: readonly string[]) {
  const rows = await db
    .select({ id: receivables.receivableId, number: receivables.number })
    .from(receivables)
    .where(
      and(
        isAnyOf(receivables.receivableId, ids),
        isNotNull(receivables.settledAt),
        ne(receivables.lagoStatus, 'voided'),
        eq(receivables.kind, 'invoice'),
      ),
    )
  return rows.map(({ id, number }) =>
    asFound(id, { what: `invoice ${number ?? id} was made void in Lago`, kind: 'invoice_changed' }),
  )
}
