import { loadLedger } from '../../collect/load.ts'
import { isAnyOf } from '../../db/any-of.ts'
import { receivables } from '../../db/schema.ts'
import type { Deps } from '../../deps.ts'
import { COLLECT_SINCE_FINDING, collectSinceOf, findCollectSince } from './collect-since.ts'
import { decide } from './decide/decide.ts'
import { decideRequest, type RequestStep } from './decide/decide-request.ts'
import type { Invoice } from './decide/invoice.ts'
import { memberOf, type Member } from './decide/members.ts'
import type { Step } from './decide/steps.ts'
import { isFoundFree } from './license.ts'
import { loadInvoice } from './load-ledger.ts'
import { memberIds } from './load-request.ts'
import { moneyPolicy } from './policy.ts'
import { readSnapshot } from './snapshot.ts'

/** Each run reads anew what it goes by; what comes next is what it does then, if all is as it was. */
const AS_READ = {
  startedAt: new Date(0),
  paymentFreshForMs: Number.POSITIVE_INFINITY,
  sessionFreshForMs: Number.POSITIVE_INFINITY,
}

type Foretelling = Pick<Deps, 'db' | 'config' | 'lago' | 'now'>

/**
 * What is decided about an invoice as it was when it last came to rest, on what our ledger, and this process of Lago, know now. Asks no service.
 * Undefined where it has not come to rest yet.
 */
export async function foretell(
  { db, config, lago, now }: Foretelling,
  receivableId: string,
): Promise<Step | undefined> {
  const { row, ledger, found } = await loadInvoice({ db, config }, receivableId)
  const invoice = readSnapshot(row.snapshot)
  if (!invoice) return undefined
  const policy = {
    ...moneyPolicy({ config }, false),
    collectSince: collectSinceOf({ config }, found.get(COLLECT_SINCE_FINDING)),
    // A Lago that keeps no payments makes no credit notes either.
    isFreeLicense: !lago.can('payments') || isFoundFree({ config, now }, found, 'credit_notes'),
  }
  return decide(invoice, ledger, { ...policy, ...AS_READ }, now())
}

/**
 * The same about a payment request, by its invoices as each was when it last came to rest. Undefined where one of them
 * has not come to rest yet.
 */
export async function foretellRequest(
  deps: Foretelling,
  receivableId: string,
): Promise<RequestStep | undefined> {
  const { row, ledger } = await loadLedger(deps, receivableId)
  const seen = await readMembers(deps, await memberIds(deps.db, receivableId))
  if (!seen) return undefined
  const [payer] = seen.map(({ invoice }) => invoice.customer)
  const request = { currency: row.currency ?? '', payer: payer ?? { email: null, country: null } }
  const members = seen.map(({ member }) => member)
  const policy = { ...moneyPolicy(deps, false), ...AS_READ }
  return decideRequest(request, members, ledger, policy, deps.now())
}

async function readMembers(deps: Foretelling, ids: readonly string[]) {
  const collectSince = await findCollectSince(deps)
  const rows = await deps.db
    .select()
    .from(receivables)
    .where(isAnyOf(receivables.receivableId, ids))
  const seen: { invoice: Invoice; member: Member }[] = []
  for (const id of ids) {
    const row = rows.find((one) => one.receivableId === id)
    const invoice = readSnapshot(row?.snapshot)
    if (!row || !invoice) return undefined
    const { ledger } = await loadInvoice(deps, id)
    const numbered = { ...invoice, number: row.number ?? id }
    seen.push({ invoice, member: memberOf(numbered, ledger, deps.now(), { collectSince }) })
  }
  return seen
}
