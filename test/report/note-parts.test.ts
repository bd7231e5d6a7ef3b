import { describe, expect, test } from 'bun:test'

import { divideNote, namedRefunds, type Note } from '../../src/report/note-parts.ts'

const AT = new Date('2026-08-31T12:00:00Z')
const note = (given: Partial<Note>): Note => ({
  lago_id: 'note_1',
  lago_invoice_id: 'inv_1',
  number: 'ACM-1-CN001',
  refund_status: 'succeeded',
  refund_amount_cents: 10_000,
  total_amount_cents: 10_000,
  items: [],
  metadata: null,
  currency: 'USD',
  created_at: AT,
  refundIds: [],
  ...given,
})
const refunds = (...rows: [id: string, amount: number, status?: string][]) =>
  new Map(
    rows.map(([refund_id, amount, status = 'succeeded']) => [
      refund_id,
      {
        refund_id,
        payment_id: 'pay_1',
        status,
        amount,
        currency: 'USD',
        reason: null,
        created_at: AT,
      },
    ]),
  )
const divide = (given: Partial<Note>, made: ReturnType<typeof refunds>, roundings = 1) =>
  divideNote(note(given), made, roundings).map(({ dodoRefundId, amount }) => [dodoRefundId, amount])

describe('divideNote', () => {
  test('one refund takes all of its note', () => {
    expect(divide({ refundIds: ['ref_1'] }, refunds(['ref_1', 10_000]))).toEqual([
      ['ref_1', 10_000],
    ])
  })

  test('a note that several refunds carried out is divided over them', () => {
    const made = refunds(['ref_1', 7_000], ['ref_2', 3_000])

    expect(divide({ refundIds: ['ref_1', 'ref_2'] }, made)).toEqual([
      ['ref_1', 7_000],
      ['ref_2', 3_000],
    ])
  })

  test('what Lago says was refunded beyond the refunds is the last one’s difference', () => {
    const made = refunds(['ref_1', 7_000], ['ref_2', 2_500])

    expect(divide({ refundIds: ['ref_1', 'ref_2'] }, made)).toEqual([
      ['ref_1', 7_000],
      ['ref_2', 3_000],
    ])
  })

  test.each(['pending', 'failed'])('what a %s note wants beyond its refunds is owed', (status) => {
    const made = refunds(['ref_1', 7_000], ['ref_2', 3_000, 'failed'])
    const given = { refund_status: status, refundIds: ['ref_1', 'ref_2'] }

    expect(divide(given, made)).toEqual([
      ['ref_1', 7_000],
      [null, 3_000],
    ])
  })

  test('a rounded unit is not owed, though Lago was not told of the refund yet', () => {
    const given = { refund_status: 'pending', refundIds: ['ref_1'] }

    expect(divide(given, refunds(['ref_1', 9_999]))).toEqual([['ref_1', 10_000]])
    expect(divide(given, refunds(['ref_1', 9_998]))).toEqual([
      ['ref_1', 9_998],
      [null, 2],
    ])
  })

  test('a refund that failed keeps the note that names it', () => {
    const given = { refund_status: 'failed', refundIds: ['ref_1'] }

    expect(divide(given, refunds(['ref_1', 10_000, 'failed']))).toEqual([['ref_1', 10_000]])
  })

  test('a note that names no refund is owed', () => {
    expect(divide({ refund_status: 'pending' }, refunds())).toEqual([[null, 10_000]])
  })

  test('forint are divided in Lago’s units', () => {
    const given = { currency: 'HUF', refund_amount_cents: 3_500, refundIds: ['ref_1', 'ref_2'] }

    expect(divide(given, refunds(['ref_1', 300_000], ['ref_2', 50_000]))).toEqual([
      ['ref_1', 3_000],
      ['ref_2', 500],
    ])
  })
})

test.each([
  [{ dodo_refund_id: 'ref_1' }, ['ref_1']],
  [{ dodo_refund_id: 'ref_1, ref_2,' }, ['ref_1', 'ref_2']],
  [{ dodo_refund_id: null }, []],
  [{}, []],
  [null, []],
])('the refunds named by %j are read', (metadata, expected) => {
  expect(namedRefunds({ metadata })).toEqual(expected)
})
