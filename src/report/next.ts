import type { InvoiceReport } from './invoice.ts'

/** What will happen next to an invoice, when, and by whose doing. */
export function describeNext(invoice: InvoiceReport, reconcileEveryMs: number): string {
  const sweeps = `the sweep looks again every ${describeDuration(reconcileEveryMs)}`
  switch (invoice.state) {
    case 'paid':
      return 'nothing; a refund or a dispute in Dodo would be seen and written here'
    case 'void':
      return 'nothing; a payment that still arrives is kept apart and shown'
    case 'skipped':
      return 'nothing, until the invoice changes in Lago'
    case 'processing':
      return `Dodo tells when the bank is done; ${sweeps}`
    case 'attention':
      return `a person mends what the state names; ${sweeps} and goes on from there`
    case 'failed':
      return invoice.nextWakeAt
        ? `attempt ${invoice.attempts.length + 1} opens at ${invoice.nextWakeAt.toISOString()}; the pay link works at any time before`
        : 'nothing by itself, as no retry is left; the pay link or Retry payment in Lago starts again'
    case 'open':
      return describeOpen(invoice)
  }
}

function describeOpen({ attempts, amountDue, number }: InvoiceReport): string {
  if (number === null || (attempts.length === 0 && amountDue === 0)) {
    return 'it is settled for the first time as soon as a bridge is running'
  }
  const live = attempts.find(({ status }) => status === 'live')
  if (live?.expiresAt) {
    return `the customer pays; the checkout expires at ${live.expiresAt.toISOString()}, and the pay link opens a new one after that`
  }
  const isBegun = attempts.some(({ status }) => status === 'intended' || status === 'unknown')
  if (isBegun) return 'the checkout that was begun is finished as soon as Dodo answers'
  return 'the customer opens the pay link, which opens a new checkout'
}

const UNITS = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1_000],
] as const

/** A duration as the configuration writes it. */
export function describeDuration(durationMs: number): string {
  const [name, unitMs] = UNITS.find(([, ms]) => durationMs % ms === 0) ?? ['ms', 1]
  return `${durationMs / unitMs}${name}`
}
