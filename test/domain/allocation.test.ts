import { describe, expect, test } from 'bun:test'
import * as fc from 'fast-check'

import {
  allocateRefunds,
  isOpenOrder,
  refundableOf,
  spareOf,
  underWay,
} from '../../src/collect/decide/allocation.ts'
import type { Part, Payment } from '../../src/collect/ledger.ts'
import { ago, INVOICE_ID, MINUTE_MS, order, payment, refund } from './builders.ts'

const OTHER = 'invoice_2'
const part = (receivableId: string, share: number, taken = share): Part => ({
  receivableId,
  share,
  taken,
  isSettled: true,
})
const told = (made: Payment) =>
  allocateRefunds(made).map(
    ({ refund: { dodoRefundId }, purpose, receivableId, amount }) =>
      `${dodoRefundId}: ${amount} ${purpose} of ${receivableId}`,
  )

describe('a refund that the merchant made in Dodo', () => {
  test('is about what the only invoice took', () => {
    expect(told(payment({ refunds: [refund()] }))).toEqual(['ref_1: 5400 taken of invoice_1'])
  })

  test('gives back first what no invoice took, then what the invoices took, the oldest first', () => {
    const parts = [part(INVOICE_ID, 6_000, 5_000), part(OTHER, 4_000)]

    expect(told(payment({ amount: 10_000, parts, refunds: [refund({ amount: 7_000 })] }))).toEqual([
      'ref_1: 1000 spare of invoice_1',
      'ref_1: 5000 taken of invoice_1',
      'ref_1: 1000 taken of invoice_2',
    ])
  })

  test('gives back what was paid beyond all that was asked for with the first invoice', () => {
    const parts = [part(INVOICE_ID, 6_000), part(OTHER, 4_000)]
    const made = payment({ amount: 10_500, parts })

    expect(spareOf(made, INVOICE_ID)).toBe(500)
    expect(spareOf(made, OTHER)).toBe(0)
    expect(told({ ...made, refunds: [refund({ amount: 600 })] })).toEqual([
      'ref_1: 500 spare of invoice_1',
      'ref_1: 100 taken of invoice_1',
    ])
  })

  test('that has not succeeded, or whose amount is not known, is about nothing yet', () => {
    for (const fields of [{ status: 'pending' }, { status: 'failed' }, { amount: null }]) {
      expect(told(payment({ refunds: [refund(fields)] }))).toBeEmpty()
    }
  })

  test('takes its turn by when it was made', () => {
    const parts = [part(INVOICE_ID, 10_800, 10_000)]
    const late = refund({ dodoRefundId: 'ref_late', amount: 800 })
    const early = refund({ dodoRefundId: 'ref_early', amount: 800, madeAt: ago(2 * MINUTE_MS) })

    expect(told(payment({ parts, refunds: [late, early] }))).toEqual([
      'ref_early: 800 spare of invoice_1',
      'ref_late: 800 taken of invoice_1',
    ])
  })
})

describe('a refund that we asked for', () => {
  const parts = [part(INVOICE_ID, 6_000, 5_000), part(OTHER, 4_000, 3_000)]
  const made = (fields: Parameters<typeof order>[0]) =>
    payment({ amount: 10_000, parts, refunds: [refund({ amount: 500 })], orders: [order(fields)] })

  test('for want of an invoice that takes it is of what that invoice did not take', () => {
    expect(told(made({ receivableId: OTHER, amount: 500 }))).toEqual([
      'ref_1: 500 spare of invoice_2',
    ])
  })

  test('for a credit note is of what its invoice took', () => {
    const fields = { receivableId: OTHER, creditNoteId: 'note_1', amount: 500 }

    expect(told(made(fields))).toEqual(['ref_1: 500 taken of invoice_2'])
  })

  test('has its place before any that the merchant made earlier', () => {
    const about = made({ receivableId: INVOICE_ID, amount: 500 })
    const earlier = refund({ dodoRefundId: 'ref_0', amount: 1_500, madeAt: ago(9 * MINUTE_MS) })

    expect(told({ ...about, refunds: [earlier, ...about.refunds] })).toEqual([
      'ref_1: 500 spare of invoice_1',
      'ref_0: 500 spare of invoice_1',
      'ref_0: 1000 spare of invoice_2',
    ])
  })

  test.each([
    ['intended', [], true],
    ['unknown', [], true],
    ['accepted', [], true],
    ['accepted', [refund({ status: 'pending' })], true],
    ['accepted', [refund({ status: 'review' })], true],
    ['accepted', [refund()], false],
    ['accepted', [refund({ status: 'failed' })], false],
    ['refused', [], false],
  ] as const)('that is %s, with %j, may still give money back: %p', (status, refunds, expected) => {
    const asked = order({ status, dodoRefundId: status === 'accepted' ? 'ref_1' : null })
    const about = payment({ refunds: [...refunds], orders: [asked] })

    expect(isOpenOrder(asked, about)).toBe(expected)
    expect(underWay(about, () => true)).toBe(expected ? 5_400 : 0)
    expect(underWay(about, () => false)).toBe(0)
  })
})

describe('what is left of a payment', () => {
  test.each([
    ['recorded in whole', part(INVOICE_ID, 10_800), [], 0, 10_800],
    ['recorded in part', part(INVOICE_ID, 10_800, 10_000), [], 800, 10_000],
    ['held', part(INVOICE_ID, 10_800, 0), [], 10_800, 0],
    ['held and half given back', part(INVOICE_ID, 10_800, 0), [5_400], 5_400, 0],
    ['held and all given back', part(INVOICE_ID, 10_800, 0), [5_400, 5_400], 0, 0],
    ['recorded and half given back', part(INVOICE_ID, 10_800), [5_400], 0, 5_400],
  ])('that is %s', (_, only, amounts, spare, refundable) => {
    const refunds = amounts.map((amount, nth) => refund({ dodoRefundId: `ref_${nth}`, amount }))
    const about = payment({ parts: [only], refunds })

    expect(spareOf(about, INVOICE_ID)).toBe(spare)
    expect(refundableOf(about, INVOICE_ID)).toBe(refundable)
  })

  test('of a payment of too little no more is spare than was paid', () => {
    const little = payment({ amount: 5_000, parts: [part(INVOICE_ID, 10_800, 0)] })

    expect(spareOf(little, INVOICE_ID)).toBe(5_000)
    expect(spareOf({ ...little, refunds: [refund({ amount: 4_000 })] }, INVOICE_ID)).toBe(1_000)
  })

  test('for an invoice that it was not for is nothing', () => {
    expect(spareOf(payment(), OTHER)).toBe(0)
    expect(refundableOf(payment(), OTHER)).toBe(0)
  })
})

const INVOICES = [INVOICE_ID, OTHER, 'invoice_3']

/** Any payment for up to three invoices, of which any were given back in any way. */
const paymentArbitrary: fc.Arbitrary<Payment> = fc
  .record({
    parts: fc.array(fc.record({ share: fc.nat({ max: 500 }), kept: fc.nat({ max: 500 }) }), {
      minLength: 1,
      maxLength: 3,
    }),
    beyond: fc.constantFrom(0, 0, 70),
    refunds: fc.array(
      fc.record({
        amount: fc.integer({ min: 1, max: 400 }),
        status: fc.constantFrom('succeeded', 'succeeded', 'pending', 'failed'),
        madeMsAgo: fc.nat({ max: 5 }),
        about: fc.constantFrom(undefined, ...INVOICES),
        isForNote: fc.boolean(),
      }),
      { maxLength: 5 },
    ),
  })
  .map(({ parts, beyond, refunds }) => {
    const own = parts.map(({ share, kept }, nth) =>
      part(INVOICES[nth] ?? '', share, Math.min(share, kept)),
    )
    const amount = own.reduce((sum, { share }) => sum + share, 0) + beyond
    const made = refunds.map((one, nth) =>
      refund({ ...one, dodoRefundId: `ref_${nth}`, madeAt: ago(one.madeMsAgo) }),
    )
    const orders = refunds.flatMap(({ about, isForNote, amount: ordered }, nth) =>
      about === undefined
        ? []
        : [
            order({
              id: `order_${nth}`,
              dodoRefundId: `ref_${nth}`,
              receivableId: about,
              creditNoteId: isForNote ? `note_${nth}` : null,
              amount: ordered,
            }),
          ],
    )
    return payment({ amount, parts: own, refunds: made, orders })
  })

const sumOf = (items: readonly { amount: number | null }[]) =>
  items.reduce((sum, { amount }) => sum + (amount ?? 0), 0)

const succeededOf = ({ refunds }: Payment) =>
  sumOf(refunds.filter(({ status }) => status === 'succeeded'))

describe('however a payment was given back', () => {
  test('every refund is allocated in full, up to what there is', () => {
    fc.assert(
      fc.property(paymentArbitrary, (about) => {
        expect(sumOf(allocateRefunds(about))).toBe(Math.min(succeededOf(about), about.amount))
        for (const { refund: one, amount } of allocateRefunds(about)) {
          expect(amount).toBeGreaterThan(0)
          expect(amount).toBeLessThanOrEqual(one.amount ?? 0)
        }
      }),
    )
  })

  test('no invoice gives back more than it took, and nothing is left below zero', () => {
    fc.assert(
      fc.property(paymentArbitrary, (about) => {
        fc.pre(succeededOf(about) <= about.amount)

        const allocations = allocateRefunds(about)
        const left = about.parts.map(({ receivableId, taken }) => {
          const own = allocations.filter(
            (one) => one.receivableId === receivableId && one.purpose === 'taken',
          )
          expect(refundableOf(about, receivableId)).toBe(taken - sumOf(own))
          expect(refundableOf(about, receivableId)).toBeGreaterThanOrEqual(0)
          expect(spareOf(about, receivableId)).toBeGreaterThanOrEqual(0)
          return refundableOf(about, receivableId) + spareOf(about, receivableId)
        })

        expect(left.reduce((sum, one) => sum + one, 0)).toBe(about.amount - sumOf(allocations))
      }),
    )
  })

  test('it does not matter in which order that was heard of', () => {
    const reordered = paymentArbitrary.chain((about) => {
      const shuffled = <Item>(items: readonly Item[]) =>
        fc.shuffledSubarray([...items], { minLength: items.length })
      return fc.record({
        about: fc.constant(about),
        other: fc
          .record({ refunds: shuffled(about.refunds), orders: shuffled(about.orders) })
          .map((fields) => ({ ...about, ...fields })),
      })
    })
    fc.assert(
      fc.property(reordered, ({ about, other }) => {
        expect(told(other)).toEqual(told(about))
      }),
    )
  })
})

describe('refunds that are heard of in any order', () => {
  const WHERE = [part(INVOICE_ID, 6_000, 5_000), part(OTHER, 4_000, 3_000)]
  const sumsOf = (made: Payment) =>
    [INVOICE_ID, OTHER].map((receivableId) =>
      allocateRefunds(made)
        .filter((one) => one.purpose === 'taken' && one.receivableId === receivableId)
        .reduce((sum, { amount }) => sum + amount, 0),
    )
  const base = payment({ amount: 10_000, parts: WHERE })
  /** Credits what is to be credited by now, as settling does. */
  const credit = (made: Payment): Payment => ({
    ...made,
    credited: allocateRefunds(made)
      .filter(({ purpose }) => purpose === 'taken')
      .map(({ refund: { dodoRefundId }, receivableId, amount }) => ({
        dodoRefundId,
        receivableId,
        amount,
      })),
  })

  test('end in the same books, and none is credited beyond its amount nor moved', () => {
    const amounts = fc.array(fc.integer({ min: 1, max: 3_000 }), { minLength: 1, maxLength: 5 })
    const drawn = amounts.chain((sizes) =>
      fc.record({
        sizes: fc.constant(sizes),
        heard: fc.shuffledSubarray([...sizes.keys()], { minLength: sizes.length }),
      }),
    )
    fc.assert(
      fc.property(drawn, ({ sizes, heard }) => {
        const refunds = sizes.map((amount, nth) =>
          refund({ dodoRefundId: `ref_${nth}`, amount, madeAt: ago((9 - nth) * MINUTE_MS) }),
        )
        const inTime = sumsOf({ ...base, refunds })

        let late = base
        for (const nth of heard) {
          const known = { ...late, refunds: [...late.refunds, ...refunds.slice(nth, nth + 1)] }
          const next = credit(known)
          for (const { dodoRefundId, receivableId, amount } of late.credited) {
            const now = next.credited.find(
              (one) => one.dodoRefundId === dodoRefundId && one.receivableId === receivableId,
            )
            expect(now?.amount ?? 0).toBeGreaterThanOrEqual(amount)
          }
          late = next
        }

        expect(sumsOf(late)).toEqual(inTime)
        for (const { dodoRefundId, amount } of refunds) {
          const credited = late.credited.filter((one) => one.dodoRefundId === dodoRefundId)
          expect(credited.reduce((sum, one) => sum + one.amount, 0)).toBeLessThanOrEqual(
            amount ?? 0,
          )
        }
      }),
    )
  })
})
