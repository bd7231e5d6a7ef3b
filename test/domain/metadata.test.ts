import { describe, expect, test } from 'bun:test'
import * as fc from 'fast-check'

import { fitsMetadata, mergeMetadata } from '../../src/billers/lago/decide/metadata.ts'

const theirs = (count: number) =>
  Array.from({ length: count }, (_, index) => ({
    id: `meta_${index}`,
    key: `theirs_${index}`,
    value: `value ${index}`,
  }))
const payUrl = { key: 'dodo_pay_url', value: 'https://bridge.example/pay/token' }
const paymentId = { key: 'dodo_payment_id', value: 'pay_1' }

describe('mergeMetadata', () => {
  test("other people's entries are kept by their id, and ours are added without one", () => {
    expect(mergeMetadata(theirs(2), [payUrl])).toEqual([...theirs(2), payUrl])
  })

  test('an entry of ours that exists is sent under its id with the new value', () => {
    const existing = [...theirs(1), { id: 'meta_9', ...payUrl, value: 'https://old.example' }]

    const merged = mergeMetadata(existing, [payUrl])

    expect(merged).toEqual([...theirs(1), { id: 'meta_9', ...payUrl }])
  })

  test('the fifth entry fits and the sixth does not', () => {
    expect(mergeMetadata(theirs(4), [payUrl])).toHaveLength(5)
    expect(mergeMetadata(theirs(5), [payUrl])).toBeUndefined()
    expect(mergeMetadata(theirs(4), [payUrl, paymentId])).toBeUndefined()
  })

  test('an entry of ours is changed even when there is no room for another', () => {
    const full = [...theirs(4), { id: 'meta_9', ...payUrl, value: 'https://old.example' }]

    expect(mergeMetadata(full, [payUrl])).toContainEqual({ id: 'meta_9', ...payUrl })
  })

  test.each([
    ['a key of 20 characters', { key: 'k'.repeat(20), value: 'v' }, true],
    ['a key of 21 characters', { key: 'k'.repeat(21), value: 'v' }, false],
    ['a value of 140 characters', { key: 'k', value: 'v'.repeat(140) }, true],
    ['a value of 141 characters', { key: 'k', value: 'v'.repeat(141) }, false],
  ])('%s fits: %j %p', (_, entry, fits) => {
    expect(mergeMetadata([], [entry]) !== undefined).toBe(fits)
    expect(fitsMetadata([], [entry])).toBe(fits)
  })

  test('a merge never loses or renames an entry of others, names no key twice, and stays within five', () => {
    const entries = fc.uniqueArray(
      fc.record({ id: fc.uuid(), key: fc.string({ maxLength: 20 }), value: fc.string() }),
      { maxLength: 5, selector: ({ key }) => key },
    )
    fc.assert(
      fc.property(entries, fc.boolean(), (existing, withPayment) => {
        const ours = withPayment ? [payUrl, paymentId] : [payUrl]
        const merged = mergeMetadata(existing, ours)
        if (!merged) return

        expect(merged.length).toBeLessThanOrEqual(5)
        expect(new Set(merged.map(({ key }) => key)).size).toBe(merged.length)
        expect(merged).toEqual(expect.arrayContaining(existing))
        for (const one of ours) expect(merged).toContainEqual(expect.objectContaining(one))
      }),
    )
  })
})
