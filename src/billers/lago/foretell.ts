import { readReceivable } from '../../collect/load.ts'
import type { Deps } from '../../deps.ts'
import { decide } from './decide/decide.ts'
import type { Step } from './decide/steps.ts'
import { isKnownFree } from './license.ts'
import { loadInvoiceLedger } from './load-ledger.ts'
import { invoicePolicy } from './policy.ts'
import { readSnapshot } from './snapshot.ts'

/** Each run reads anew what it goes by; what comes next is what it does then, if all is as it was. */
const AS_READ = {
  startedAt: new Date(0),
  paymentFreshForMs: Number.POSITIVE_INFINITY,
  sessionFreshForMs: Number.POSITIVE_INFINITY,
}

/**
 * What is decided about an invoice as it was when it last came to rest, on what our ledger holds now. Asks no service.
 * Undefined where it has not come to rest yet.
 */
export async function foretell(
  { db, config, now }: Pick<Deps, 'db' | 'config' | 'now'>,
  receivableId: string,
): Promise<Step | undefined> {
  const row = await readReceivable(db, receivableId)
  const invoice = readSnapshot(row.snapshot)
  if (!invoice) return undefined
  const [ledger, chosen, isFreeLicense] = await Promise.all([
    loadInvoiceLedger({ db, config }, row),
    invoicePolicy({ db, config }, false),
    isKnownFree({ db, config, now }, 'credit_notes'),
  ])
  return decide(invoice, ledger, { ...chosen, ...AS_READ, isFreeLicense }, now())
}
