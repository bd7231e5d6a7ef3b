import { describe, expect, test } from 'bun:test'

import type { InvoiceReport } from '../../src/report/invoice.ts'
import { describeDuration, describeNext } from '../../src/report/next.ts'

const AT = new Date('2026-08-31T12:00:00Z')
const attempt = (status: InvoiceReport['attempts'][number]['status']) => ({
  number: 1,
  cause: 'invoice' as const,
  status,
  amount: 10_800,
  dodoSessionId: 'cks_1',
  startedAt: AT,
  expiresAt: AT,
})
const invoice = (given: Partial<InvoiceReport>): InvoiceReport => ({
  lagoInvoiceId: 'inv_1',
  number: 'ACM-1',
  customer: 'acct_1',
  customerName: 'Blue Fern',
  currency: 'USD',
  amountDue: 10_800,
  state: 'open',
  reason: 'waiting',
  payUrl: 'https://bridge.test/pay/x',
  nextWakeAt: null,
  attempts: [],
  payments: [],
  refunds: [],
  disputes: [],
  timeline: [],
  ...given,
})

describe('describeNext', () => {
  test.each([
    [{ attempts: [attempt('live')] }, 'the checkout expires at 2026-08-31T12:00:00.000Z'],
    [{ attempts: [attempt('expired')] }, 'opens the pay link'],
    [{ attempts: [attempt('unknown')] }, 'as soon as Dodo answers'],
    [{ number: null }, 'as soon as a bridge is running'],
    [
      { state: 'failed', nextWakeAt: AT, attempts: [attempt('declined')] },
      'attempt 2 opens at 2026-08-31T12:00:00.000Z',
    ],
    [{ state: 'failed', attempts: [attempt('declined')] }, 'no retry is left'],
    [{ state: 'processing' }, 'every 5m'],
    [{ state: 'attention' }, 'a person'],
    [{ state: 'paid' }, 'nothing'],
    [{ state: 'void' }, 'nothing'],
    [{ state: 'skipped' }, 'until the invoice changes in Lago'],
  ] satisfies [Partial<InvoiceReport>, string][])('of %j', (given, expected) => {
    expect(describeNext(invoice(given), 300_000)).toContain(expected)
  })
})

test.each([
  [1_500, '1500ms'],
  [3_000, '3s'],
  [300_000, '5m'],
  [90_000, '90s'],
  [86_400_000, '1d'],
])('%i ms is written as the configuration writes it', (ms, expected) => {
  expect(describeDuration(ms)).toBe(expected)
})
