import { describe, expect, test } from 'bun:test'

import {
  findDisagreement,
  findTooSmall,
  isRefusal,
  readMoney,
} from '../../src/billers/highlevel/decide/asked.ts'
import { Order, Transaction } from '../../src/highlevel/objects.ts'

const TRANSACTION = {
  _id: '680a923d54b81c699b845e47',
  altId: 'loc_demo_1',
  altType: 'location',
  amount: 25.99,
  currency: 'usd',
  status: 'pending',
  liveMode: false,
  contactId: 'ct_1',
}
const asked = {
  locationId: 'loc_demo_1',
  mode: 'test' as const,
  money: { amount: 2_599, currency: 'USD' },
}
const transaction = (change: Record<string, unknown> = {}) =>
  Transaction.parse({ ...TRANSACTION, ...change })

describe('an amount of major units', () => {
  test.each([
    [19.99, 1_999],
    [4.35, 435],
    [1.1, 110],
    [1_000, 100_000],
    ['100', 10_000],
    ['80.00', 8_000],
    ['80.500', 8_050],
    [0, 0],
  ])('of %p is read exactly', (amount, hundredths) => {
    expect(readMoney({ amount, currency: 'usd' })).toEqual({ amount: hundredths, currency: 'USD' })
  })

  test.each([
    ['with a third decimal', 25.999, 'USD'],
    ['that is negative', -1, 'USD'],
    ['in powers of ten', 1e21, 'USD'],
    ['that is no number', '12,50', 'USD'],
    ['of yen, which have no hundredths', 100, 'JPY'],
    ['of dinars, which have thousandths', 1.5, 'KWD'],
    ['of a currency that is none', 1, 'dollars'],
    ['of half a forint', 10.5, 'HUF'],
  ])('%s is refused', (_what, amount, currency) => {
    expect(readMoney({ amount, currency })).toMatchObject({ is: 'malformed' })
  })

  test('that no card is charged with is too small', () => {
    expect(findTooSmall({ amount: 49, currency: 'USD' })).toMatchObject({ is: 'malformed' })
    expect(findTooSmall({ amount: 50, currency: 'USD' })).toBeUndefined()
  })
})

describe('what a browser says', () => {
  test('holds if HighLevel says the same, of its transaction or of the order', () => {
    expect(findDisagreement(asked, transaction())).toBeUndefined()
    expect(
      findDisagreement(asked, transaction({ amount: '25.99', liveMode: 'false' })),
    ).toBeUndefined()
    expect(findDisagreement(asked, Order.parse(TRANSACTION))).toBeUndefined()
    expect(findDisagreement({ ...asked, contactId: 'ct_1' }, transaction())).toBeUndefined()
  })

  test.each([
    ['another amount', { amount: 26 }],
    ['a cent more', { amount: 26.0 }],
    ['the amount in cents', { amount: 2_599 }],
    ['an amount with more decimals', { amount: 25.991 }],
    ['no amount', { amount: undefined }],
    ['another currency', { currency: 'EUR' }],
    ['no currency', { currency: undefined }],
    ['the other mode', { liveMode: true }],
    ['no mode', { liveMode: undefined }],
    ['another location', { altId: 'loc_demo_2' }],
    ['that it is paid', { status: 'succeeded' }],
    ['that it was given back', { status: 'refunded' }],
    ['a state that nobody knows', { status: 'captured_elsewhere' }],
  ])('does not, if HighLevel says %s', (_what, change) => {
    expect(findDisagreement(asked, transaction(change))).toMatchObject({ is: 'conflict' })
  })

  test('does not, if HighLevel holds it for another contact', () => {
    const found = findDisagreement({ ...asked, contactId: 'ct_2' }, transaction())
    expect(found && isRefusal(found)).toBe(true)
  })

  test('may be paid again after a decline', () => {
    expect(findDisagreement(asked, transaction({ status: 'failed' }))).toBeUndefined()
  })
})
