import type { Deps } from '../deps.ts'
import { formatDodo } from '../collect/money.ts'
import { count } from '../print/text.ts'
import { LAGO } from './books.ts'
import { compareLedgers, type CurrencyLine } from './compare-ledgers.ts'
import { readDisputes } from './disputes.ts'
import type { Period } from './period.ts'
import { readEntries } from './read-entries.ts'
import type { Section } from './section.ts'
import { summarize, sumLost } from './summary.ts'

/** Lago's invoices: both services' own lists, compared with each other and with our ledger. */
export async function readLagoSection(
  deps: Pick<Deps, 'db' | 'dodo' | 'lago' | 'now'>,
  period: Period,
  organizationId: string,
): Promise<Section> {
  const entries = await readEntries(deps, period)
  const disputes = await readDisputes(deps, period, entries)
  const compared = compareLedgers(entries, LAGO, deps.now())
  const notes = [
    ...compared.currencies.flatMap(noteFreeLicense),
    ...summarize(entries, disputes),
    ...sumLost(disputes).map(
      ({ currency, amount }) =>
        `${formatDodo(amount, currency)} went back in lost disputes; Dodo goes on showing their payments as succeeded`,
    ),
  ]
  const of = { source: 'lago', tenant: organizationId, mode: '', title: 'Lago' } as const
  return { ...of, books: LAGO, entries, disputes, ...compared, notes }
}

const noteFreeLicense = ({ currency, byStatus }: CurrencyLine) =>
  byStatus > 0
    ? [
        `${currency}: ${count(byStatus, 'payment')} recorded by payment status, as Lago has no premium licence`,
      ]
    : []
