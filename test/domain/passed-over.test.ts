import { describe, expect, test } from 'bun:test'

import { decide } from '../../src/billers/lago/decide/decide.ts'
import type { Attempt } from '../../src/collect/ledger.ts'
import type {
  Invoice,
  InvoiceLedger as Ledger,
  InvoicePolicy as Policy,
} from '../../src/billers/lago/decide/invoice.ts'
import {
  ago,
  ahead,
  attempt,
  DAY_MS,
  ended,
  HOUR_MS,
  invoice,
  ledger,
  mandate,
  MINUTE_MS,
  NOW,
  payment,
  policy,
  recording,
  refund,
  wakeOf,
} from './builders.ts'

type About = { fields?: Partial<Invoice>; held?: Partial<Ledger>; wants?: Partial<Policy> }

const decided = ({ fields, held, wants }: About, now = NOW) =>
  decide(
    invoice({ paymentStatus: 'failed', ...fields }),
    ledger({ mandates: [mandate()], ...held }),
    policy({ collection: 'automatic', ...wants }),
    now,
  )

const charge = (fields: Partial<Attempt> = {}) =>
  ended('declined', {
    kind: 'charge',
    dodoSessionId: null,
    expiresAt: null,
    dodoSubscriptionId: 'sub_1',
    declineCode: 'INSUFFICIENT_FUNDS',
    startedAt: ago(2 * DAY_MS),
    endedAt: ago(2 * DAY_MS),
    ...fields,
  })
const over = (fields: Partial<Attempt>) =>
  ended('expired', { number: 2, kind: 'mandate', startedAt: ago(25 * HOUR_MS), ...fields })
const UNPAID: [string, Partial<Attempt>][] = [
  ['a payment request', { receivableId: 'request_1', cause: 'merchant' }],
  ['somebody at the pay link', { cause: 'customer' }],
]

describe('a checkout that ended unpaid, and was opened for', () => {
  test.each(UNPAID)('%s, does not end the retry schedule', (_, fields) => {
    for (const status of ['expired', 'superseded'] as const) {
      const held = { attempts: [charge({ retryIndex: 1 }), over({ status, ...fields })] }

      expect(decided({ held })).toMatchObject({ do: 'rest', standing: { state: 'failed' } })
      expect(wakeOf(decided({ held }))).toEqual(ahead(5 * DAY_MS))
      expect(decided({ held }, ahead(5 * DAY_MS))).toMatchObject({
        do: 'charge_mandate',
        cause: 'retry',
        retryIndex: 2,
      })
    }
  })

  test.each(UNPAID)('%s, does not begin the retry schedule anew either', (_, fields) => {
    const held = { attempts: [charge({ retryIndex: 3 }), over(fields)] }

    expect(decided({ held }, ahead(365 * DAY_MS))).toMatchObject({ do: 'rest', wakeAt: undefined })
  })

  test.each(UNPAID)('%s, before anything else, leaves the card to be charged', (_, fields) => {
    const held = { attempts: [over({ number: 1, ...fields })] }

    expect(decided({ held })).toMatchObject({ do: 'charge_mandate', cause: 'invoice' })
    expect(decided({ held: { ...held, mandates: [] } }).do).toBe('rest')
    expect(decided({ held, wants: { collection: 'checkout' } }).do).toBe('rest')
  })

  test.each(UNPAID)('%s, is waited for while it may be paid', (_, fields) => {
    const live = over({ status: 'live', endedAt: null, startedAt: ago(HOUR_MS), ...fields })
    const expiresAt = ahead(23 * HOUR_MS)
    const held = { attempts: [charge(), { ...live, expiresAt }] }
    const overAt = new Date(expiresAt.getTime() + MINUTE_MS + 1)

    expect(decided({ held })).toMatchObject({ do: 'rest', standing: { state: 'open' } })
    // The next attempt was to be made in a day, which is after the checkout is over.
    expect(wakeOf(decided({ held }))).toEqual(ahead(DAY_MS))
    const soon = { held, wants: { retryScheduleMs: [2 * DAY_MS] } }
    expect(wakeOf(decided(soon))).toEqual(overAt)
  })

  test('the retry schedule itself, waits for the customer', () => {
    const held = { attempts: [charge(), over({ cause: 'retry' })] }

    expect(decided({ held }, ahead(365 * DAY_MS)).do).toBe('rest')
  })
})

describe('a charge that was never made', () => {
  const never = (fields: Partial<Attempt> = {}) => charge({ status: 'superseded', ...fields })
  const PART = { fields: { paid: 800 } }

  test('because a part was paid meanwhile is made for the rest', () => {
    expect(decided({ ...PART, held: { attempts: [never()] } })).toMatchObject({
      do: 'charge_mandate',
      cause: 'invoice',
      retryIndex: 0,
    })
    const early = { startedAt: ago(9 * DAY_MS), endedAt: ago(9 * DAY_MS) }
    const attempts = [charge(early), never({ number: 2, retryIndex: 1 })]
    expect(decided({ ...PART, held: { attempts } })).toMatchObject({
      do: 'charge_mandate',
      cause: 'retry',
      retryIndex: 1,
    })
  })

  test('because Dodo or the bank refused it becomes a checkout', () => {
    expect(decided({ held: { attempts: [never()] } }).do).toBe('open_checkout')
    const stuck = payment({ status: 'requires_customer_action', changedAt: ago(DAY_MS) })
    const held = { attempts: [never()], payments: [stuck] }
    expect(decided({ ...PART, held }).do).toBe('open_checkout')
  })
})

describe('what is left due after a part was paid through us', () => {
  const FIELDS = { paid: 4_000, paymentStatus: 'pending' }
  const part = payment({ amount: 4_000 })
  const paid = (fields: Partial<Ledger> = {}) => ({
    fields: FIELDS,
    held: {
      attempts: [ended('paid', { amount: 4_000 })],
      payments: [part],
      recordings: [recording({ amount: 4_000 })],
      ...fields,
    },
  })

  test('is charged to the saved card, like the whole', () => {
    expect(decided(paid())).toMatchObject({
      do: 'charge_mandate',
      cause: 'invoice',
      retryIndex: 0,
      resume: undefined,
    })
  })

  test('is left to the customer where there is no card, or the part was given back', () => {
    const link = { metadata: [] }
    expect(decided(paid({ mandates: [] })).do).not.toBe('charge_mandate')
    const refunded = paid({ payments: [{ ...part, refunds: [refund({ amount: 1_000 })] }] })
    expect(decided({ ...refunded, fields: { ...FIELDS, ...link } }).do).not.toBe('charge_mandate')
  })
})

describe('a customer who left the bank’s confirmation', () => {
  const MINUTE_LEFT = 60_000
  const left = (fields: Partial<Attempt> = {}): Partial<Ledger> => ({
    attempts: [
      attempt({ startedAt: ago(20 * HOUR_MS), expiresAt: ago(MINUTE_LEFT * -1), ...fields }),
    ],
    payments: [payment({ status: 'requires_customer_action', changedAt: ago(20 * HOUR_MS) })],
  })

  test('is asked for nothing else while that payment may still succeed, whoever asks', () => {
    for (const requestedBy of [null, 'merchant', 'customer'] as const)
      expect(decided({ held: { ...left(), requestedBy } }).do).toBe('rest')
    const replaced = { attempts: [ended('superseded', { expiresAt: ago(-MINUTE_LEFT) })] }
    expect(decided({ held: { ...left(), ...replaced, requestedBy: 'customer' } }).do).toBe('rest')
  })
})
