import { sql } from 'drizzle-orm'

import type { Config } from '../config.ts'
import type { Executor } from '../db/client.ts'
import { isUndecided } from '../collect/ledger.ts'
import { formatDodo, formatBooks } from '../collect/money.ts'
import * as counts from '../metrics/counts.ts'
import { byPayment, listHeld } from '../metrics/held.ts'
import { DISPUTE_DAYS } from '../metrics/ledger.ts'
import type { StatementFinding } from '../metrics/marks.ts'
import { findRefused } from '../inbox/refused.ts'
import { SOURCES } from '../webhook-sources.ts'
import { readMoved } from '../report/dashboard/totals.ts'
import { readSignals, REFUSED_AT_LEAST } from '../metrics/signals.ts'
import type { AlertType, Condition } from '../alert-types.ts'

type Policy = Pick<Config, 'publicUrl' | 'reconcileEveryMs' | 'collection'>
type Looking = { db: Executor; config: Policy; now: Date }

const DAY_MS = 24 * 3_600_000
const DUE_DAYS = 3
const SWEEPS_MISSED = 3

const docsOf = (anchor: string) => `docs/operations.md#${anchor}`
export const invoiceUrl = ({ publicUrl }: Policy, receivableId: string) =>
  `${publicUrl}/dashboard/invoices/${encodeURIComponent(receivableId)}`
/** No name and no address of a customer is in a text: chats are kept for ever. */
const nameOf = ({ number, id }: { number: string | null; id: string | null }) =>
  number ?? id ?? 'an unknown invoice'

/** All that is wrong just now, as the ledger and the living processes see it. The same on every replica. */
export async function findConditions(looking: Looking): Promise<Condition[]> {
  return [
    ...(await findAttention(looking)),
    ...(await findHeldMoney(looking)),
    ...(await findFailedRefunds(looking)),
    ...(await findDisputes(looking)),
    ...(await findCards(looking)),
    ...(await findDifference(looking)),
    ...(await findLateSweep(looking)),
    ...(await findSignals(looking)),
  ]
}

async function findAttention({ db, config }: Looking): Promise<Condition[]> {
  const rows = await counts.listAttention(db)
  return rows.map(({ id, number, customer, reason, code: reasonCode, amount, currency }) => {
    const url = invoiceUrl(config, id)
    return {
      type: 'invoice.attention',
      subject: id,
      version: reasonCode,
      text: `■ ${nameOf({ number, id })} needs attention: ${reason}. ${url}`,
      data: {
        lagoInvoiceId: id,
        number,
        customer,
        state: 'attention',
        reasonCode,
        reason,
        amount: Number(amount),
        currency,
        url,
        docs: docsOf(reasonCode.replaceAll('_', '-')),
      },
    }
  })
}

async function findHeldMoney({ db, config }: Looking): Promise<Condition[]> {
  const held = byPayment(await listHeld(db))
  return held.map(({ dodoPaymentId, lagoInvoiceId, number, customer, ...money }) => {
    const url = invoiceUrl(config, lagoInvoiceId)
    const amount = formatDodo(money.held, money.currency)
    return {
      type: 'money.held',
      subject: dodoPaymentId,
      version: money.disposition,
      text: `■ ${amount} of payment ${dodoPaymentId} is held (${money.disposition}): no invoice takes it. ${nameOf({ number, id: lagoInvoiceId })}, ${url}`,
      data: {
        dodoPaymentId,
        lagoInvoiceId,
        number,
        customer,
        disposition: money.disposition,
        amount: money.held,
        currency: money.currency,
        url,
        docs: docsOf('money-that-no-invoice-takes'),
      },
    }
  })
}

async function findFailedRefunds({ db, config }: Looking): Promise<Condition[]> {
  const rows = await counts.listOpenRefunds(db)
  return rows
    .filter(({ status }) => status === 'failed' || status === 'refused')
    .map(({ id, dodo_payment_id, lago_invoice_id, number, status, amount, currency, reason }) => {
      const money = amount === null ? 'a refund' : formatDodo(Number(amount), currency ?? '')
      const name = nameOf({ number, id: lago_invoice_id })
      return {
        type: 'refund.failed',
        subject: id,
        version: status,
        text: `■ ${money} of payment ${dodo_payment_id} was not given back (${status}): ${name}. ${lago_invoice_id ? invoiceUrl(config, lago_invoice_id) : ''}`.trim(),
        data: {
          refund: id,
          dodoPaymentId: dodo_payment_id,
          lagoInvoiceId: lago_invoice_id,
          number,
          status,
          reason,
          amount: amount === null ? null : Number(amount),
          currency,
          docs: docsOf('refunds-and-credit-notes'),
        },
      }
    })
}

async function findDisputes({ db, config, now }: Looking): Promise<Condition[]> {
  const undecided = (await counts.listDisputes(db)).filter(isUndecided)
  return undecided.flatMap(
    ({ id, dodo_payment_id, lago_invoice_id, number, customer, ...dispute }) => {
      const dueAt =
        dispute.opened_at && new Date(dispute.opened_at.getTime() + DISPUTE_DAYS * DAY_MS)
      const url = lago_invoice_id && invoiceUrl(config, lago_invoice_id)
      const until = dueAt ? ` until ${dueAt.toISOString()}` : ' in time'
      const about = `${nameOf({ number, id: lago_invoice_id })}, payment ${dodo_payment_id}`
      const data = {
        dodoDisputeId: id,
        dodoPaymentId: dodo_payment_id,
        lagoInvoiceId: lago_invoice_id,
        number,
        customer,
        stage: dispute.stage,
        status: dispute.status,
        amount: dispute.amount,
        currency: dispute.currency,
        dueAt,
        url,
        docs: docsOf('disputes'),
      }
      const answer = `answer it in Dodo's dashboard${until}. ${url ?? ''}`.trim()
      const opened: Condition = {
        type: 'dispute.opened',
        subject: id,
        version: dispute.stage,
        text: `■ dispute ${id} (${dispute.stage}) about ${about}: ${answer}`,
        data,
      }
      const isDue = dueAt !== null && dueAt.getTime() - now.getTime() < DUE_DAYS * DAY_MS
      if (!isDue) return [opened]
      const text = `■ dispute ${id} must be answered soon, about ${about}: ${answer}`
      return [opened, { ...opened, type: 'dispute.due' as const, version: 'due', text }]
    },
  )
}

async function findCards({ db, config }: Looking): Promise<Condition[]> {
  if (config.collection !== 'automatic') return []
  const rows = await counts.listUnusableCards(db)
  return rows.map(({ id, customer, currency, reason, renewed_at }) => ({
    type: 'card.unusable',
    subject: id,
    version: new Date(renewed_at).toISOString(),
    text: `▲ the saved card ${id} of customer ${customer} (${currency}) is not charged while an invoice is open: ${reason}`,
    data: { dodoSubscriptionId: id, customer, currency, reason, docs: docsOf('saved-cards') },
  }))
}

async function findDifference({ db }: Looking): Promise<Condition[]> {
  const [found] = await db.execute<{ value: StatementFinding }>(
    sql`select value from findings where name = 'statement'`,
  )
  const { unexplained = 0, explained = 0, amounts = {} } = found?.value ?? {}
  if (unexplained === 0) return []
  return [
    {
      type: 'ledger.difference',
      subject: 'ledger',
      version: String(unexplained),
      text: `■ the two ledgers differ, and nothing explains it: ${unexplained} of the last 30 days. Run bridge statement`,
      data: { unexplained, explained, amounts, docs: docsOf('bridgeledgerdifference') },
    },
  ]
}

async function findLateSweep({ db, config, now }: Looking): Promise<Condition[]> {
  // One that never was completed is late since the installation began to be watched.
  const [last] = await db.execute<{ at: Date | null }>(sql`
    select coalesce((select found_at from findings where name = 'last_sweep'),
      (select (value #>> '{}')::timestamptz from findings where name = 'watch')) as at`)
  if (!last?.at) return []
  const sweptAt = new Date(last.at)
  if (now.getTime() - sweptAt.getTime() < SWEEPS_MISSED * config.reconcileEveryMs) return []
  return [
    {
      type: 'sweep.late',
      subject: 'sweep',
      version: 'late',
      text: `▲ no sweep was completed since ${sweptAt.toISOString()}: lost webhooks are not found`,
      data: { sweptAt, docs: docsOf('bridgesweeplate') },
    },
  ]
}

async function findSignals({ db, now }: Looking): Promise<Condition[]> {
  const signals = await readSignals(db, now)
  const found: Condition[] = []
  for (const { type, subject, level } of signals) {
    const source = SOURCES.find((one) => one === subject)
    const refused = source && (await findRefused(db, source))
    const said = SIGNALS[type]?.(subject, level, refused?.reason)
    if (said) found.push({ type, subject, version: 'on', ...said })
  }
  return found
}

type Said = Pick<Condition, 'text' | 'data'>
/** What a signal says, once it is strong enough. */
const SIGNALS: Partial<
  Record<AlertType, (subject: string, level: number, why?: string) => Said | undefined>
> = {
  'webhooks.refused': (source, count, why = 'a wrong secret, or a stranger') =>
    count < REFUSED_AT_LEAST
      ? undefined
      : {
          text: `▲ ${count} webhooks to /webhooks/${source} were refused within ten minutes: ${why.replace(/[^.?!]$/, '$&.')} Run bridge doctor`,
          data: { source, count, docs: docsOf('bridgewebhooksrefused') },
        },
  'service.unreachable': (service) => ({
    text: `▲ ${service} does not answer for five minutes: work goes on by itself when it does`,
    data: { service, docs: docsOf('bridgeserviceunreachable') },
  }),
  'key.refused': (service) => ({
    text: `■ ${service} refuses our key: nothing is collected until it is mended`,
    data: { service, docs: docsOf('bridgekeyrefused') },
  }),
}

const WORDS: Readonly<Record<string, string>> = { collected: 'collected', givenBack: 'given back' }

/** What is told of a day, by currency. */
export async function summarizeDay(
  db: Executor,
  until: Date,
): Promise<Pick<Condition, 'text' | 'data'>> {
  const from = new Date(until.getTime() - DAY_MS)
  // The moment between two days is of the one that it begins.
  const lines = await readMoved(db, { from, until: new Date(until.getTime() - 1) })
  const moved = lines
    .map(({ currency, kind, amount }) => ({
      currency,
      what: WORDS[kind] ?? kind,
      amount: String(amount),
    }))
    .toSorted((one, other) => one.currency.localeCompare(other.currency))
  const open = await counts.sumOpen(db, until)
  const attention = (await counts.listAttention(db)).length
  const failed = (await counts.countReceivables(db))
    .filter(({ kind, state }) => kind === 'invoice' && state === 'failed')
    .reduce((sum, one) => sum + one.count, 0)
  const due = Map.groupBy(open, ({ currency }) => currency ?? 'none')
  const parts = [
    ...moved.map(({ currency, what, amount }) => `${what} ${formatDodo(Number(amount), currency)}`),
    ...Array.from(due, ([currency, of]) => {
      const sum = of.reduce((total, one) => total + one.due, 0)
      return `open ${formatBooks(sum, currency)}`
    }),
    `${failed} failed`,
    `${attention} in attention`,
  ]
  const text = `● the day until ${until.toISOString()}: ${parts.join(', ')}`
  return { text, data: { from, until, moved, open, failed, attention } }
}
