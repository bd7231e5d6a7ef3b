import { eq } from 'drizzle-orm'

import { formatDodo, withoutCurrency } from '../collect/money.ts'
import { isAnyOf } from '../db/any-of.ts'
import { receivables, recordings } from '../db/schema.ts'
import type { Deps } from '../deps.ts'
import type { DodoBalanceEntry } from '../dodo/objects.ts'
import { ApiError } from '../errors.ts'
import { asCsvLines } from './csv.ts'
import type { Period } from './period.ts'
import { alignColumns, type Write } from '../print/text.ts'

type Reading = Pick<Deps, 'db' | 'dodo' | 'now'>

/** How often, and how much of the balance, came or went; less than nothing went. Dodo's minor units. */
type KeptLine = { what: string; count: number; amount: number }
export type KeptCurrency = {
  currency: string
  lines: readonly KeptLine[]
  /** What all of it did to the balance. */
  change: number
}
/** From what a customer paid to what the merchant has of it. */
export type KeptPayment = {
  dodoPaymentId: string
  invoice: string | null
  currency: string
  madeAt: Date
  paid: number
  tax: number
  fees: number
  net: number
}
export type Kept = {
  period: Period
  madeAt: Date
  currencies: readonly KeptCurrency[]
  payments: readonly KeptPayment[]
  entries: readonly DodoBalanceEntry[]
}
/** Why Dodo does not show it, in words. */
export type NotShown = { why: string }

/** In the order in which they are told; what is not among them is told last, by its own name. */
const WORDS: Readonly<Record<string, string>> = {
  payment: 'Payments',
  refund: 'Refunds',
  refund_reversal: 'Refunds that came back',
  dispute: 'Disputes',
  dispute_reversal: 'Disputes won',
  tax: 'Tax, which Dodo remits',
  tax_reversal: 'Tax of refunds',
  payment_fees: 'Fees of payments',
  refund_fees: 'Fees of refunds',
  refund_fees_reversal: 'Fees of refunds, given back',
  dispute_fees: 'Fees of disputes',
  dispute_fees_reversal: 'Fees of disputes, given back',
  currency_conversion: 'Currency conversion',
  reserve_hold: 'Held in reserve',
  reserve_release: 'Released from reserve',
  payout: 'Payouts',
  payout_reversal: 'Payouts that came back',
  payout_fees: 'Fees of payouts',
  payout_fees_reversal: 'Fees of payouts, given back',
}
const ORDER = Object.keys(WORDS)
const rankOf = (type: string) => (ORDER.includes(type) ? ORDER.indexOf(type) : ORDER.length)

const signed = ({ amount, is_credit: isCredit }: DodoBalanceEntry) =>
  isCredit ? Math.abs(amount) : -Math.abs(amount)
const sum = (entries: readonly DodoBalanceEntry[]) =>
  entries.reduce((total, one) => total + signed(one), 0)

/** Everything that moved the balance of the Dodo account in a period, whether or not the bridge had it paid. */
export async function readKept(
  { db, dodo, now }: Reading,
  period: Period,
): Promise<Kept | NotShown> {
  const entries = await dodo
    .listBalanceEntries(period.from, period.until)
    .catch((error: unknown) => whyNotShown(error))
  if ('why' in entries) return entries
  const byCurrency = Map.groupBy(entries, ({ currency }) => currency)
  const currencies = Array.from(byCurrency, ([currency, of]) => ({
    currency,
    lines: linesOf(of),
    change: sum(of),
  }))
  const payments = paymentsOf(entries)
  const numbers = await readNumbers(
    db,
    payments.map(({ dodoPaymentId }) => dodoPaymentId),
  )
  return {
    period,
    madeAt: now(),
    currencies,
    payments: payments.map((one) => ({ ...one, invoice: numbers.get(one.dodoPaymentId) ?? null })),
    entries,
  }
}

function whyNotShown(error: unknown): NotShown {
  const isDenied = error instanceof ApiError && [401, 403, 404].includes(error.status ?? 0)
  if (!isDenied) throw error
  return {
    why: `DODO_API_KEY may not read the balance ledger (Dodo answered ${error.status}): make a key that may at Dodo Payments > Developer > API keys`,
  }
}

function linesOf(entries: readonly DodoBalanceEntry[]): KeptLine[] {
  const byType = Map.groupBy(entries, ({ event_type: type }) => type)
  return Array.from(byType, ([type, of]) => ({ type, count: of.length, amount: sum(of) }))
    .toSorted((one, other) => rankOf(one.type) - rankOf(other.type))
    .map(({ type, ...line }) => ({ what: WORDS[type] ?? type, ...line }))
}

const IN_PAYMENT = ['payment', 'tax', 'payment_fees']

function paymentsOf(entries: readonly DodoBalanceEntry[]): KeptPayment[] {
  const ofPayments = entries.filter(
    ({ event_type: type, reference_object_id: of }) => of !== null && IN_PAYMENT.includes(type),
  )
  const grouped = Map.groupBy(
    ofPayments,
    ({ reference_object_id: of, currency }) => `${of} ${currency}`,
  )
  return Array.from(grouped.values(), (of) => {
    const amountOf = (type: string) => sum(of.filter(({ event_type: one }) => one === type))
    return {
      dodoPaymentId: of[0]?.reference_object_id ?? '',
      invoice: null,
      currency: of[0]?.currency ?? '',
      madeAt: of[0]?.created_at ?? new Date(0),
      paid: amountOf('payment'),
      tax: amountOf('tax'),
      fees: amountOf('payment_fees'),
      net: sum(of),
    }
  })
}

/** The invoices that payments are for. */
async function readNumbers(db: Deps['db'], ids: readonly string[]): Promise<Map<string, string>> {
  if (ids.length === 0) return new Map()
  const rows = await db
    .select({ id: recordings.dodoPaymentId, number: receivables.number })
    .from(recordings)
    .innerJoin(receivables, eq(receivables.receivableId, recordings.receivableId))
    .where(isAnyOf(recordings.dodoPaymentId, ids))
  const byId = Map.groupBy(rows, ({ id }) => id)
  return new Map(
    Array.from(byId, ([id, of]) => [id, of.flatMap(({ number }) => number ?? []).join(' ')]),
  )
}

/** Shows what Dodo keeps of what it collects. The exit code is 1 if it does not show it. */
export async function kept(
  deps: Reading,
  { period, isCsv }: { period: Period; isCsv: boolean },
  write: Write,
): Promise<number> {
  const read = await readKept(deps, period)
  if ('why' in read) {
    write(`What Dodo keeps is not known: ${read.why}.`)
    return 1
  }
  for (const line of isCsv ? asKeptCsv(read) : describeKept(read)) write(line)
  return 0
}

function describeKept({ period: { from, until, calendar }, currencies }: Kept): string[] {
  const days = `${calendar.dayOf(from)} to ${calendar.dayOf(until)} (${calendar.timeZone})`
  return [
    `What Dodo keeps, ${days}, of the whole Dodo account`,
    ...(currencies.length === 0 ? ['', '  Nothing moved the balance.'] : []),
    ...currencies.flatMap(({ currency, lines, change }) => [
      '',
      ...alignColumns(
        [
          ...lines.map(({ what, count, amount }) => [
            what,
            String(count),
            formatDodo(amount, currency),
          ]),
          ['Change of the balance', '', formatDodo(change, currency)],
        ],
        { numeric: [1, 2] },
      ),
    ]),
  ]
}

const COLUMNS = [
  'made_at',
  'kind',
  'reference_id',
  'invoice_number',
  'currency',
  'amount',
  'payout_id',
  'entry_id',
]

/** One row for each movement, as RFC 4180 has it; the writer ends each with a line feed. */
export function asKeptCsv({ entries, payments, period }: Kept): string[] {
  const numbers = new Map(payments.map((one) => [one.dodoPaymentId, one.invoice]))
  const rows = entries.map((one) => [
    period.calendar.write(one.created_at),
    one.event_type,
    one.reference_object_id ?? '',
    numbers.get(one.reference_object_id ?? '') ?? '',
    one.currency,
    withoutCurrency(formatDodo(signed(one), one.currency)),
    one.payout_id ?? '',
    one.id,
  ])
  return asCsvLines([COLUMNS, ...rows])
}
