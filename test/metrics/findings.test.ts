import { describe, expect, test } from 'bun:test'

import { classify } from '../../src/metrics/findings.ts'

describe('what a sweep found', () => {
  test.each([
    ['Dodo payment pay_1 (succeeded) was not known', 'payment', { source: 'dodo', id: 'pay_1' }],
    ['Dodo payment pay_1 is succeeded, not processing', 'payment', { source: 'dodo', id: 'pay_1' }],
    ['Dodo refund ref_1 is succeeded, not known', 'refund', { source: 'dodo', id: 'ref_1' }],
    ['Dodo dispute dp_1 is dispute_opened, not known', 'dispute', { source: 'dodo', id: 'dp_1' }],
    ['mandate sub_1 is on_hold, not active', 'mandate', undefined],
    ['invoice ACM-1 was not known', 'invoice', { source: 'lago', id: 'inv_1' }],
    ['invoice ACM-1 changed in Lago', 'invoice_changed', undefined],
    ['credit note cn_1 wants a refund', 'credit_note', { source: 'lago', id: 'cn_1' }],
    ['payment request req_1 was not known', 'payment_request', { source: 'lago', id: 'req_1' }],
    ['top-up wtx_1 was not known', 'top_up', { source: 'lago', id: 'wtx_1' }],
    ['an attempt is not finished', 'unfinished', undefined],
    ['something that nobody has said before', 'other', undefined],
  ] as const)('%s', (what, kind, suspect) => {
    const classified = classify({ receivableId: 'inv_1', what })

    expect(classified).toEqual(suspect ? { kind, suspect } : { kind })
  })
})
