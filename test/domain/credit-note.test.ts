import { describe, expect, test } from 'bun:test'
import * as fc from 'fast-check'

import {
  amountToCredit,
  feeRests,
  spreadRefund,
  type FeeRest,
} from '../../src/billers/lago/spread-refund.ts'

const fee = (feeId: string, amount: number, coupons = 0, taxPercent = 0) => ({
  feeId,
  amount,
  coupons,
  taxPercent,
})
const item = (feeId: string, preciseAmount: number) => ({
  feeId,
  preciseAmount,
  amount: Math.round(preciseAmount),
})
const rest = (amount: number, taxPerUnit = 0, feeId = 'fee_1', netPerUnit = 1): FeeRest => ({
  feeId,
  precise: amount,
  whole: amount,
  netPerUnit,
  taxPerUnit,
})

describe('feeRests', () => {
  test('what earlier notes took of a fee is gone', () => {
    const fees = [fee('fee_1', 10_000), fee('fee_2', 3_000)]
    const items = [item('fee_1', 4_000), item('fee_1', 1_000), item('fee_2', 500)]

    expect(feeRests(fees, items)).toEqual([rest(5_000, 0, 'fee_1'), rest(2_500, 0, 'fee_2')])
  })

  test('a fee that is used up, overdrawn or free takes no part', () => {
    const fees = [fee('fee_1', 100), fee('fee_2', 100), fee('fee_3', 0), fee('fee_4', 1)]

    expect(feeRests(fees, [item('fee_1', 100), item('fee_2', 101)])).toEqual([rest(1, 0, 'fee_4')])
  })

  test('a unit of a fee is worth what its coupon leaves, with its tax', () => {
    expect(feeRests([fee('fee_1', 10_000, 1_000, 20)], [])).toEqual([
      { feeId: 'fee_1', precise: 10_000, whole: 10_000, netPerUnit: 0.9, taxPerUnit: 0.9 * 0.2 },
    ])
  })

  test('decimals that a note took are counted beside the whole units that Lago checks', () => {
    expect(feeRests([fee('fee_1', 100)], [item('fee_1', 33.33333)])).toEqual([
      { feeId: 'fee_1', precise: 66.66667, whole: 67, netPerUnit: 1, taxPerUnit: 0 },
    ])
  })
})

/** What Lago makes of the items: net and tax each rounded to the unit. */
const creditedFor = (items: ReturnType<typeof spreadRefund>, rests: readonly FeeRest[]) => {
  const sum = (part: 'netPerUnit' | 'taxPerUnit') =>
    items.reduce((total, { fee_id, amount_cents }) => {
      const of = rests.find(({ feeId }) => feeId === fee_id)
      return total + amount_cents * (of?.[part] ?? 0)
    }, 0)
  return (
    Math.round(Number(sum('netPerUnit').toFixed(5))) +
    Math.round(Number(sum('taxPerUnit').toFixed(5)))
  )
}

describe('spreadRefund', () => {
  /** The invoice of the worked example: 100.00, a coupon of 10.00, 20 % tax, 108.00 to pay. */
  const whole = [rest(10_000, 0.18, 'fee_1', 0.9)]

  test("Lago's worked example: half of 108.00 with a coupon and 20 % tax is half of the fee", () => {
    expect(spreadRefund(5_400, whole, 10_800)).toEqual([{ fee_id: 'fee_1', amount_cents: 5_000 }])
  })

  test('a refund of everything takes everything that is left', () => {
    const rests = [rest(3_333, 0.2), rest(1, 0.2, 'fee_2')]

    expect(spreadRefund(4_001, rests, 4_000.8)).toEqual([
      { fee_id: 'fee_1', amount_cents: 3_333 },
      { fee_id: 'fee_2', amount_cents: 1 },
    ])
  })

  test('a refund above what is left never asks for more than the rests', () => {
    expect(spreadRefund(99_999, [rest(10_000)], 10_000)).toEqual([
      { fee_id: 'fee_1', amount_cents: 10_000 },
    ])
  })

  test('one minor unit less than everything is not everything', () => {
    expect(spreadRefund(10_799, whole, 10_800)).toEqual([
      { fee_id: 'fee_1', amount_cents: 9_999.07407 },
    ])
  })

  test('a refund that is half a unit below the worth of all is not all', () => {
    // 67 at 50 % tax is worth 100.5, for which Lago asks 101 and credits 101: 100 is a part of it.
    expect(spreadRefund(100, [rest(67, 0.5)], 100.5)).toEqual([
      { fee_id: 'fee_1', amount_cents: 66.66667 },
    ])
  })

  test('a fee whose share is nothing is left out', () => {
    const rests = [rest(1_000_000_000), rest(1, 0, 'fee_2')]

    expect(spreadRefund(1, rests, 1_000_000_001).map(({ fee_id }) => fee_id)).toEqual(['fee_1'])
  })

  test('what Lago would round away is made up for: net and tax are rounded apart', () => {
    // 3 of 7.00 at 50 % tax: 2 and 1 come to 3; at 25 % tax 2.4 and 0.6 come to 2 and 1.
    for (const [refund, taxPercent] of [
      [3, 50],
      [3, 25],
      [9, 19],
      [101, 7],
    ] as const) {
      const rests = [rest(700, taxPercent / 100)]

      expect(creditedFor(spreadRefund(refund, rests, 700 + 7 * taxPercent), rests)).toBe(refund)
    }
  })

  test('a total that Lago’s rounding cannot reach is missed by one unit at most', () => {
    // At 100 % tax net and tax are always the same, so that no odd total exists.
    const rests = [rest(1_000, 1)]

    expect([4, 6]).toContain(creditedFor(spreadRefund(5, rests, 2_000), rests))
  })

  test('items are never more than the rest, have five decimals, and come to the refund', () => {
    const fees = fc.array(
      fc.record({
        amount: fc.integer({ min: 1, max: 5_000_000 }),
        taxPercent: fc.constantFrom(0, 5.5, 7, 19, 20, 27),
        taken: fc.double({ min: 0, max: 0.9, noNaN: true }),
      }),
      { minLength: 1, maxLength: 5 },
    )
    fc.assert(
      fc.property(
        fees,
        fc.integer({ min: 0, max: 90 }),
        fc.double({ min: 0.0001, max: 1, noNaN: true }),
        (made, couponPercent, share) => {
          const rests = feeRests(
            made.map(({ amount, taxPercent }, index) =>
              fee(`fee_${index}`, amount, (amount * couponPercent) / 100, taxPercent),
            ),
            made.map(({ amount, taken }, index) =>
              item(`fee_${index}`, Number((amount * taken).toFixed(5))),
            ),
          )
          const worthOf = (part: (one: FeeRest) => number) =>
            rests.reduce((sum, one) => sum + part(one) * (one.netPerUnit + one.taxPerUnit), 0)
          const worth = worthOf(({ precise }) => precise)
          const refund = Math.floor(worth * share)
          fc.pre(refund > 0 && worth - refund > 0.5)

          const items = spreadRefund(
            refund,
            rests,
            worthOf(({ whole: units }) => units),
          )

          const isTaxed = made.some(({ taxPercent }) => taxPercent > 0)
          const off = Math.abs(creditedFor(items, rests) - refund)
          expect(off).toBeLessThanOrEqual(isTaxed ? 1 : 0)
          for (const { fee_id, amount_cents } of items) {
            const left = rests.find(({ feeId }) => feeId === fee_id)
            expect(amount_cents).toBeLessThanOrEqual((left?.precise ?? 0) + 0.00001)
            expect(Math.round(amount_cents)).toBeLessThanOrEqual(left?.whole ?? 0)
            expect(Number(amount_cents.toFixed(5))).toBe(amount_cents)
          }
        },
      ),
      { numRuns: 500 },
    )
  })
})

describe('amountToCredit', () => {
  const notes = (...amounts: number[]) => amounts.map((refunded) => ({ refunded }))

  test.each([
    ['the first refund', 5_400, [], 5_400],
    ['a refund that leaves something', 2_000, [5_401], 2_000],
    ['the last refund after a note that was a unit too much', 5_400, [5_401], 5_399],
    ['the last refund after a note that was a unit too little', 5_400, [5_399], 5_400],
    ['more units missing than there are notes', 5_400, [5_402], 5_400],
    ['two units missing after two notes', 3_600, [3_601, 3_601], 3_598],
  ])('%s of %i, after notes of %j, is made out for %i', (_, refund, earlier, expected) => {
    expect(amountToCredit(refund, { paid: 10_800, notes: notes(...earlier) })).toBe(expected)
  })
})
