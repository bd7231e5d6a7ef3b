import { describe, expect, test } from 'bun:test'
import * as fc from 'fast-check'
import {
  decimalText,
  divide,
  exact,
  multiply,
  round,
  sum,
} from '../../../sandbox/lago/store/exact.ts'

describe('exact numbers', () => {
  test.each([
    ['0.5', 1],
    ['-0.5', -1],
    ['1.4999', 1],
    ['2.5', 3],
  ])('%s rounds to %i, halves away from zero', (text, expected) => {
    expect(round(exact(text))).toBe(expected)
  })

  test.each([
    ['1000', '1000.0'],
    ['0.1', '0.1'],
    ['-12.345678', '-12.34568'],
    ['0.000004', '0.0'],
  ])('%s is written %s', (text, expected) => {
    expect(decimalText(exact(text))).toBe(expected)
  })

  test('shares of any amount add up to it', () => {
    const weights = fc.array(fc.integer({ min: 1, max: 10_000 }), { minLength: 1, maxLength: 8 })
    fc.assert(
      fc.property(fc.integer(), weights, (amount, parts) => {
        const total = exact(parts.reduce((all, part) => all + part, 0))
        const shares = parts.map((part) => multiply(exact(amount), divide(exact(part), total)))

        expect(sum(shares)).toEqual(exact(amount))
      }),
    )
  })
})
