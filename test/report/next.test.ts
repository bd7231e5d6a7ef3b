import { describe, expect, test } from 'bun:test'

import type { InvoiceReport } from '../../src/report/invoice.ts'
import { describeDuration, describeNext, type Policy } from '../../src/report/next.ts'

const AT = new Date('2026-08-31T12:00:00Z')
const ISO = AT.toISOString()
const POLICY: Policy = { collection: 'checkout', voidPayments: 'hold', reconcileEveryMs: 300_000 }
const AUTOMATIC: Policy = { ...POLICY, collection: 'automatic' }

type Attempt = InvoiceReport['attempts'][number]
const attempt = (status: Attempt['status'], given: Partial<Attempt> = {}): Attempt => ({
  number: 1,
  kind: 'checkout',
  cause: 'invoice',
  status,
  amount: 10_800,
  dodoSessionId: 'cks_1',
  dodoSubscriptionId: null,
  lagoPaymentRequestId: null,
  startedAt: AT,
  expiresAt: AT,
  ...given,
})
const charge = (status: Attempt['status']) => attempt(status, { kind: 'charge', expiresAt: null })
const refund = (given: Partial<InvoiceReport['refunds'][number]>) => ({
  dodoRefundId: 'ref_1',
  dodoPaymentId: 'pay_1',
  amount: 2_500,
  currency: 'USD',
  status: 'pending',
  lagoCreditNoteId: null,
  cause: 'duplicate',
  taken: 0,
  credit: null,
  reason: null,
  madeAt: AT,
  ...given,
})
const order = (status: InvoiceReport['refundOrders'][number]['status']) => ({
  dodoPaymentId: 'pay_1',
  lagoCreditNoteId: null,
  cause: 'duplicate',
  status,
  amount: 2_500,
  currency: 'USD',
  reason: null,
})
const dispute = (
  outcome: InvoiceReport['disputes'][number]['outcome'],
  dodoDisputeId = 'dp_1',
) => ({
  dodoDisputeId,
  dodoPaymentId: 'pay_1',
  status: `dispute_${outcome}`,
  stage: 'dispute',
  outcome,
  isByRdr: false,
  amount: '10800',
  currency: 'USD',
})
const mandate = {
  dodoSubscriptionId: 'sub_1',
  status: 'active',
  isChargeable: true,
  reason: null,
  renewedAt: AT,
}
const request = {
  lagoPaymentRequestId: 'req_1',
  state: 'open' as const,
  payUrl: 'https://bridge.test/pay/together',
}
const wanted = {
  lagoCreditNoteId: 'note_1',
  number: 'ACM-1-CN001',
  amount: 2_500,
  refundStatus: 'pending',
  reason: null,
}
const invoice = (given: Partial<InvoiceReport>): InvoiceReport => ({
  lagoInvoiceId: 'inv_1',
  reasonCode: null,
  number: 'ACM-1',
  customer: 'acct_1',
  customerName: 'Blue Fern',
  currency: 'USD',
  amountDue: 10_800,
  state: 'open',
  reason: 'waiting',
  payUrl: 'https://bridge.test/pay/x',
  isPayable: true,
  nextWakeAt: null,
  lastError: null,
  lastErrorAt: null,
  nextRunAt: null,
  mandate: null,
  attempts: [],
  payments: [],
  refunds: [],
  refundOrders: [],
  creditNotes: [],
  disputes: [],
  paymentRequests: [],
  timeline: [],
  ...given,
})
type Case = [what: string, Partial<InvoiceReport>, expected: string]

describe('describeNext', () => {
  test.each([
    ['an open checkout', { attempts: [attempt('live')] }, `the checkout expires at ${ISO}`],
    [
      'a checkout that saves a card',
      { attempts: [attempt('live', { kind: 'mandate' })] },
      'also saves a card',
    ],
    [
      'a checkout of a payment request',
      {
        attempts: [attempt('live', { lagoPaymentRequestId: 'req_1' })],
        paymentRequests: [request],
      },
      'together with others at https://bridge.test/pay/together',
    ],
    [
      'a customer who is about to pay',
      { attempts: [attempt('live')], isPayable: false, nextWakeAt: AT },
      `not finished by ${ISO} is given up`,
    ],
    ['a checkout that is over', { attempts: [attempt('expired')] }, 'opens the pay link'],
    ['a begun checkout', { attempts: [attempt('unknown')] }, 'as soon as Dodo answers'],
    [
      'money in hand',
      { attempts: [attempt('paid')], isPayable: false },
      'the pay link asks for nothing',
    ],
    ['an invoice nobody looked at', { number: null }, 'as soon as a bridge is running'],
    [
      'a decline with a retry left',
      { state: 'failed', nextWakeAt: AT, attempts: [attempt('declined')] },
      `attempt 2 opens at ${ISO}`,
    ],
    [
      'a decline with no retry left',
      { state: 'failed', attempts: [attempt('declined')] },
      'no retry is left; the pay link or Retry payment',
    ],
    [
      'a declined payment request, which counts its attempts by itself',
      {
        state: 'failed',
        nextWakeAt: AT,
        attempts: [
          attempt('superseded'),
          attempt('declined', { number: 7, lagoPaymentRequestId: 'req_1' }),
        ],
      },
      'attempt 2 opens',
    ],
    [
      'a slow bank',
      { state: 'processing' },
      'when the bank is done; the sweep looks again every 5m',
    ],
    ['a charge', { state: 'processing', attempts: [charge('live')] }, 'the saved card could be'],
    [
      'a charge whose answer was lost',
      { state: 'processing', attempts: [charge('unknown')] },
      'looked for in Dodo, before it is charged again',
    ],
    ['trouble', { state: 'attention' }, 'a person mends'],
    [
      'an open dispute',
      {
        state: 'attention',
        reasonCode: 'dispute_open',
        disputes: [dispute('lost', 'dp_0'), dispute('open')],
      },
      'answers dispute dp_1 in Dodo; when it is won this ends',
    ],
    [
      'another dispute, once the first is put aside',
      {
        state: 'attention',
        reason: 'payment pay_2 is disputed (dp_2, dispute): answer it in Dodo',
        reasonCode: 'dispute_open',
        disputes: [dispute('open', 'dp_1'), dispute('open', 'dp_2')],
      },
      'answers dispute dp_2 in Dodo',
    ],
    [
      'a lost dispute',
      { state: 'attention', reasonCode: 'dispute_lost', disputes: [dispute('lost')] },
      'nothing by itself: a person collects',
    ],
    [
      'trouble that goes before an open dispute',
      {
        state: 'attention',
        reasonCode: 'held_late',
        reason: 'pay_2 is held; see dp_1',
        disputes: [dispute('open')],
      },
      'a person mends',
    ],
    ['a paid invoice', { state: 'paid' }, 'nothing'],
    [
      'a refund under way',
      { state: 'paid', refunds: [refund({})] },
      'Dodo carries out refund ref_1 (pending), then it is shown here',
    ],
    [
      'a refund under way for a credit note',
      { state: 'paid', refunds: [refund({ lagoCreditNoteId: 'note_1' })] },
      'then Lago is told',
    ],
    [
      'a refund that is done',
      { state: 'paid', refunds: [refund({ status: 'succeeded' })] },
      'nothing',
    ],
    [
      'a refund whose answer was lost',
      { state: 'paid', refundOrders: [order('unknown')] },
      'looked for, before it is asked for again',
    ],
    ['a refund that Dodo refused', { state: 'paid', refundOrders: [order('refused')] }, 'nothing'],
    [
      'a credit note to carry out',
      { state: 'paid', creditNotes: [wanted] },
      'note ACM-1-CN001 wants',
    ],
    ['a void invoice', { state: 'void' }, 'kept apart and shown'],
    ['what is not ours', { state: 'skipped' }, 'until the invoice changes in Lago'],
  ] satisfies Case[])('of %s', (_what, given, expected) => {
    expect(describeNext(invoice(given), POLICY)).toContain(expected)
  })

  const declined = { state: 'failed' as const, nextWakeAt: AT, attempts: [charge('declined')] }
  test.each([
    [
      'charges a good card',
      { ...declined, mandate },
      `the saved card is charged as attempt 2 at ${ISO}`,
    ],
    [
      'opens a checkout where the card is not good any more',
      { ...declined, mandate: { ...mandate, isChargeable: false } },
      'attempt 2 opens',
    ],
    ['is set going by another card, too', { ...declined, nextWakeAt: null }, 'another card'],
  ] satisfies Case[])('in automatic collection the next attempt %s', (_what, given, expected) => {
    expect(describeNext(invoice(given), AUTOMATIC)).toContain(expected)
  })

  test('a card is not charged where collection is not automatic', () => {
    expect(describeNext(invoice({ ...declined, mandate }), POLICY)).toContain('attempt 2 opens')
  })

  const stepOf = { do: 'mark_paid' } as const
  test('a step that is due goes before what the state says', () => {
    expect(describeNext(invoice({ state: 'open' }), POLICY, stepOf)).toBe(
      'Lago is told that it is paid',
    )
  })

  test('a step that a person must make possible first is not foretold', () => {
    const given = invoice({ state: 'attention', reasonCode: 'lago_refused' })
    expect(describeNext(given, POLICY, stepOf)).toContain('a person mends what the state names')
  })

  test('what is decided to rest is told by when it is looked at again', () => {
    const later = new Date('2026-09-03T12:00:00Z')
    const step = {
      do: 'rest' as const,
      standing: { state: 'failed' as const, reason: 'declined' },
      isPayable: true,
      wakeAt: later,
    }
    expect(describeNext(invoice(declined), POLICY, step)).toContain(later.toISOString())
  })

  test('what is paid on a void invoice is given back where the merchant wants that', () => {
    const next = describeNext(invoice({ state: 'void' }), { ...POLICY, voidPayments: 'refund' })

    expect(next).toContain('is given back and shown')
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
