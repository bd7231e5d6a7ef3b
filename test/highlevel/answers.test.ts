import { describe, expect, test } from 'bun:test'

import {
  answerNotCharged,
  answerRefund,
  answerVerify,
  nothingOf,
  snapshotInMajor,
} from '../../src/billers/highlevel/decide/answers.ts'

const charge = {
  dodoPaymentId: 'pay_1',
  amount: 2_599,
  madeAt: new Date('2026-11-20T10:02:11.900Z'),
}

describe('the answer to verify', () => {
  test('counts hundredths, and unix seconds, as the article says', () => {
    expect(answerVerify({ is: 'paid', charge })).toEqual({
      success: true,
      failed: false,
      message: '',
      chargeSnapshot: {
        id: 'pay_1',
        status: 'succeeded',
        amount: 2_599,
        chargeId: 'pay_1',
        chargedAt: 1_795_168_931,
      },
    })
  })

  test('that nothing is known says what was asked, and voids nothing', () => {
    const nothing = nothingOf('pay_of_another', charge.madeAt)
    expect(answerVerify({ is: 'pending', charge: nothing })).toMatchObject({
      success: false,
      failed: false,
      message: 'pending',
      chargeSnapshot: { status: 'pending', amount: 0, chargeId: 'pay_of_another' },
    })
  })

  test('of what cannot be paid any more fails, in words', () => {
    expect(answerVerify({ is: 'failed', charge, why: 'declined' })).toMatchObject({
      success: false,
      failed: true,
      message: 'declined',
      chargeSnapshot: { status: 'failed' },
    })
  })
})

test('answers to charges and refunds count major units', () => {
  expect(snapshotInMajor('succeeded', charge).amount).toBe(25.99)
  expect(
    answerRefund({ dodoRefundId: 'ref_1', amount: 1_000, currency: 'USD', isPending: false }),
  ).toEqual({ success: true, message: 'refunded', id: 'ref_1', amount: 10, currency: 'USD' })
  expect(answerNotCharged('not switched on', charge.madeAt)).toMatchObject({
    success: false,
    failed: true,
    chargeId: '',
    chargeSnapshot: { status: 'failed', amount: 0 },
  })
})
