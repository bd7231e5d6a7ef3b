import type { Entry } from './compare-ledgers.ts'
import type { DisputeEntry } from './disputes.ts'
import { count } from '../print/text.ts'

const WORDS: Readonly<Record<string, string>> = {
  mismatch: 'not what was asked for',
  'credit note': 'for a credit note',
  kept: 'won or withdrawn',
}

/** What happened beside payments that simply paid: how much of each, in a line each. */
export function summarize(
  entries: readonly Entry[],
  disputes: readonly Pick<DisputeEntry, 'outcome'>[],
): string[] {
  const inDodo = entries.filter(({ dodo }) => dodo !== null)
  const payments = inDodo.filter(({ kind }) => kind === 'payment')
  const refunds = inDodo.filter(({ kind }) => kind === 'refund')
  return [
    ...line(
      'not all taken by an invoice',
      'payment',
      causesOf(payments, ({ dodoPaymentId }) => dodoPaymentId).filter(
        (causes) => causes.length > 0,
      ),
    ),
    ...line(
      'made',
      'refund',
      causesOf(refunds, ({ dodoRefundId }) => dodoRefundId),
    ),
    ...line(
      'seen',
      'dispute',
      disputes.map(({ outcome }) => [outcome]),
    ),
  ]
}

/** The causes of each, once, however many invoices it is about. */
const causesOf = (entries: readonly Entry[], idOf: (entry: Entry) => string | null): string[][] =>
  [...Map.groupBy(entries, idOf).values()].map((parts) => [
    ...new Set(parts.flatMap(({ causes }) => causes)),
  ])

/** What disputes took back, per currency. Dodo goes on showing their payments as succeeded. */
export function sumLost(
  disputes: readonly Pick<DisputeEntry, 'outcome' | 'currency' | 'amountMinor'>[],
): { currency: string; amount: number }[] {
  const lost = disputes.filter(({ outcome }) => outcome === 'lost')
  return [...Map.groupBy(lost, ({ currency }) => currency)]
    .map(([currency, those]) => ({
      currency,
      amount: those.reduce((sum, { amountMinor }) => sum + (amountMinor ?? 0), 0),
    }))
    .toSorted((one, other) => one.currency.localeCompare(other.currency))
}

function line(what: string, noun: string, causes: readonly (readonly string[])[]): string[] {
  if (causes.length === 0) return []
  const byCause = Map.groupBy(causes.flat(), (cause) => cause)
  const parts = [...byCause]
    .toSorted(([one], [other]) => one.localeCompare(other))
    .map(([cause, those]) => `${those.length} ${WORDS[cause] ?? cause}`)
  return [`${count(causes.length, noun)} ${what}: ${parts.join(', ')}`]
}
