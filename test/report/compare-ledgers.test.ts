import { describe, expect, test } from 'bun:test'

import { LAGO, LEDGER } from '../../src/report/books.ts'
import { compareLedgers, type Entry, type Knowledge } from '../../src/report/compare-ledgers.ts'

const NOW = new Date('2026-08-31T12:00:00Z')
const JUST_NOW = new Date('2026-08-31T11:50:00Z')
const LONG_AGO = new Date('2026-08-20T12:00:00Z')

const usd = (amount: number) => ({ amount, currency: 'USD' })
const inLago = (amount: number, currency = 'USD', more: { times?: number } = {}) => ({
  amount,
  currency,
  id: 'lago_1',
  records: more.times ?? 1,
  times: 1,
  isByStatus: false,
  ...more,
})
const entry = (given: Partial<Entry>): Entry => ({
  kind: 'payment',
  dodoPaymentId: 'pay_1',
  dodoRefundId: null,
  receivableId: 'inv_1',
  name: 'ACM-1',
  madeAt: LONG_AGO,
  currency: given.dodo?.currency ?? 'USD',
  dodo: usd(10_800),
  books: inLago(10_800),
  causes: [],
  roundings: 0,
  knowledge: { is: 'done' },
  ...given,
})
const refund = (given: Partial<Entry>) => entry({ kind: 'refund', dodoRefundId: 'ref_1', ...given })
const held: Knowledge = { is: 'refused', why: 'the invoice is void in Lago' }
const partly = (amount: number): Knowledge => ({ is: 'partly', amount, why: 'the rest went back' })
const owed: Knowledge = { is: 'owed', why: 'credit note CN1 is not refunded yet' }

describe('compareLedgers', () => {
  test.each([
    ['what both hold alike', entry({})],
    ['a credit note of the refunded amount', refund({})],
    ['a held payment that a person recorded', entry({ knowledge: held })],
    [
      'forint, of which Dodo counts hundredths and Lago does not',
      entry({ dodo: { amount: 350_000, currency: 'HUF' }, books: inLago(3_500, 'HUF') }),
    ],
    [
      'yen, which neither divides',
      entry({ dodo: { amount: 500, currency: 'JPY' }, books: inLago(500, 'JPY') }),
    ],
  ] as const)('%s is no difference', (_what, given) => {
    const { currencies, differences } = compareLedgers([given], LAGO, NOW)

    expect(differences).toEqual([])
    expect(currencies.map(({ difference }) => difference)).toEqual([0])
  })

  const missing = { books: null }
  test.each([
    ['a held payment', entry({ ...missing, knowledge: held }), 'held: the invoice is void'],
    [
      'a payment of a moment ago',
      entry({ ...missing, knowledge: { is: 'seen' }, madeAt: JUST_NOW }),
      'not yet recorded',
    ],
    [
      'one that is being recorded',
      entry({ ...missing, knowledge: { is: 'begun' }, madeAt: JUST_NOW }),
      'being recorded',
    ],
    [
      'a refund that Lago cannot hold',
      refund({ ...missing, knowledge: { is: 'refused', why: 'no credit note: no licence' } }),
      'no licence',
    ],
    ['a credit note off by a cent', refund({ books: inLago(10_799) }), 'rounded'],
    [
      'the last of three notes, off by three cents',
      refund({ books: inLago(10_797), roundings: 3 }),
      'rounded',
    ],
    [
      'a payment of which Lago holds what was due',
      entry({ books: inLago(6_000), knowledge: partly(6_000) }),
      'went back',
    ],
    ['a payment that no invoice took', entry({ ...missing, knowledge: partly(0) }), 'went back'],
    [
      'a refund of which a part needs no note',
      refund({ books: inLago(3_000), knowledge: partly(3_000) }),
      'went back',
    ],
    [
      'a payment of several invoices, some to come',
      entry({ books: inLago(3_000), knowledge: { is: 'begun' }, madeAt: JUST_NOW }),
      'only part',
    ],
    [
      'a credit note that waits for its refund',
      refund({ dodo: null, dodoRefundId: null, knowledge: owed }),
      'not refunded yet',
    ],
    ['what the bridge has not noted', entry({ knowledge: { is: 'unknown' } }), 'run reconcile'],
  ] as const)('%s is an explained difference', (_what, given, why) => {
    const [difference] = compareLedgers([given], LAGO, NOW).differences

    expect(difference).toMatchObject({ isExplained: true, why: expect.stringContaining(why) })
  })

  test.each([
    [
      'a payment not recorded for days',
      entry({ ...missing, knowledge: { is: 'seen' } }),
      'not yet recorded',
    ],
    [
      'one that nobody told the bridge of for days',
      entry({ ...missing, knowledge: { is: 'unknown' } }),
      'unknown to the bridge',
    ],
    [
      'one whose recording never ended',
      entry({ ...missing, knowledge: { is: 'begun' } }),
      'being recorded',
    ],
    ['one that is gone from Lago', entry(missing), 'Lago does not show it'],
    ['a refund that is gone from Lago', refund(missing), 'Lago does not show it'],
    ['a payment that Dodo does not have', entry({ dodo: null }), 'Dodo does not show it'],
    ['a payment that both have lost', entry({ dodo: null, books: null }), 'neither service'],
    ['a payment off by a cent', entry({ books: inLago(10_799) }), 'the amounts differ'],
    ['a credit note off by two cents', refund({ books: inLago(10_798) }), 'the amounts differ'],
    [
      'a payment recorded in another part',
      entry({ books: inLago(6_001), knowledge: partly(6_000) }),
      'the amounts differ',
    ],
    [
      'a recorded part that is gone from Lago',
      entry({ ...missing, knowledge: partly(6_000) }),
      'Lago does not show it',
    ],
    [
      'a payment of several invoices, some missing for days',
      entry({ books: inLago(3_000), knowledge: { is: 'begun' } }),
      'only part',
    ],
    [
      'a credit note that nobody carries out',
      refund({ dodo: null, dodoRefundId: null, knowledge: { is: 'unknown' } }),
      'wants it given back',
    ],
    ['a payment recorded twice', entry({ books: inLago(21_600, 'USD', { times: 2 }) }), '2 times'],
    ['a payment in another currency', entry({ books: inLago(10_800, 'EUR') }), 'Lago in EUR'],
  ] as const)('%s is an unexplained difference', (_what, given, why) => {
    const [difference] = compareLedgers([given], LAGO, NOW).differences

    expect(difference).toMatchObject({ isExplained: false, why: expect.stringContaining(why) })
  })

  test.each([
    ['that the order took', entry({ dodo: null }), 'the ledger holds it, and Dodo does not'],
    [
      'that is held back from the order',
      entry({ dodo: null, books: null, knowledge: held }),
      'the bridge saw it succeed, and Dodo does not show it any more',
    ],
  ] as const)("an order's payment %s and that Dodo lost says who has it", (_what, given, why) => {
    const [difference] = compareLedgers([given], LEDGER, NOW).differences

    expect(difference).toMatchObject({ isExplained: false, why: expect.stringContaining(why) })
  })

  test('what Lago wrote down in three places is counted as three, and added up once', () => {
    const bundle = entry({ books: { ...inLago(10_800), records: 3 } })

    const [line] = compareLedgers([bundle], LAGO, NOW).currencies

    expect(line?.dodo.payments).toEqual({ count: 1, amount: 10_800 })
    expect(line?.books.payments).toEqual({ count: 3, amount: 10_800 })
  })

  test('each currency has a line with counts, sums and what is left over', () => {
    const { currencies } = compareLedgers(
      [
        entry({}),
        entry({ dodoPaymentId: 'pay_2', dodo: usd(5_000), books: null }),
        refund({ dodo: usd(2_500), books: inLago(2_500) }),
        entry({
          dodo: { amount: 900, currency: 'EUR' },
          books: { ...inLago(900, 'EUR'), isByStatus: true },
        }),
      ],
      LAGO,
      NOW,
    )

    expect(currencies).toEqual([
      {
        currency: 'EUR',
        dodo: { payments: { count: 1, amount: 900 }, refunds: { count: 0, amount: 0 } },
        books: { payments: { count: 1, amount: 900 }, refunds: { count: 0, amount: 0 } },
        difference: 0,
        byStatus: 1,
      },
      {
        currency: 'USD',
        dodo: { payments: { count: 2, amount: 15_800 }, refunds: { count: 1, amount: 2_500 } },
        books: { payments: { count: 1, amount: 10_800 }, refunds: { count: 1, amount: 2_500 } },
        difference: 5_000,
        byStatus: 0,
      },
    ])
  })
})
