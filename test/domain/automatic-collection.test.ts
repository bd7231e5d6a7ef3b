import { describe, expect, test } from 'bun:test'

import { decide } from '../../src/billers/lago/decide/decide.ts'
import type { Attempt, Mandate } from '../../src/collect/ledger.ts'
import type {
  Invoice,
  InvoiceLedger as Ledger,
  InvoicePolicy as Policy,
} from '../../src/billers/lago/decide/invoice.ts'
import type { Step } from '../../src/billers/lago/decide/steps.ts'
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
  wakeOf,
} from './builders.ts'

const AUTOMATIC = { collection: 'automatic' as const }

type About = { invoice?: Partial<Invoice>; ledger?: Partial<Ledger>; policy?: Partial<Policy> }
/** A customer whose card is saved, in automatic collection. */
const decided = (about: About = {}, now = NOW): Step =>
  decide(
    invoice(about.invoice),
    ledger({ mandates: [mandate()], ...about.ledger }),
    policy({ ...AUTOMATIC, ...about.policy }),
    now,
  )

/** A charge that is two minutes old. */
const charge = (fields: Partial<Attempt> = {}) =>
  attempt({
    kind: 'charge',
    dodoSessionId: null,
    dodoSubscriptionId: 'sub_1',
    startedAt: ago(2 * MINUTE_MS),
    expiresAt: null,
    ...fields,
  })
const declinedCharge = (declineCode: string | null, fields: Partial<Attempt> = {}) =>
  charge({ status: 'declined', declineCode, endedAt: ago(MINUTE_MS), ...fields })
const failed = { paymentStatus: 'failed' }

describe('a new invoice', () => {
  test('of a customer with a saved card is charged to it', () => {
    expect(decided()).toEqual({
      do: 'charge_mandate',
      mandate: mandate(),
      isWanted: true,
      resume: undefined,
      cause: 'invoice',
      retryIndex: 0,
    })
  })

  test('of a customer without one gets a checkout that saves it', () => {
    expect(decided({ ledger: { mandates: [] } })).toMatchObject({
      do: 'open_checkout',
      kind: 'mandate',
    })
  })

  test.each<[string, Partial<Mandate>]>([
    ['is on hold', { status: 'on_hold' }],
    ['is cancelled', { status: 'cancelled' }],
    ['is expired', { status: 'expired' }],
    ['failed', { status: 'failed' }],
    ['has a status nobody knows', { status: 'levitating' }],
    ['ends with its period', { isEnding: true }],
    ['was refused', { refusal: 'SUBSCRIPTION_INACTIVE' }],
    ['is in another currency', { currency: 'EUR' }],
  ])('is not charged to a card whose mandate %s', (_, fields) => {
    expect(decided({ ledger: { mandates: [mandate(fields)] } })).toMatchObject({
      do: 'open_checkout',
      kind: 'mandate',
      cause: 'invoice',
    })
  })

  test('is charged to the card that was saved last', () => {
    const mandates = [
      mandate({ dodoSubscriptionId: 'sub_old', renewedAt: ago(20 * DAY_MS) }),
      mandate({ dodoSubscriptionId: 'sub_new', renewedAt: ago(DAY_MS) }),
      mandate({ dodoSubscriptionId: 'sub_gone', renewedAt: ago(HOUR_MS), status: 'cancelled' }),
    ]

    expect(decided({ ledger: { mandates } })).toMatchObject({
      mandate: { dodoSubscriptionId: 'sub_new' },
    })
  })

  test('is not charged to it where the merchant wants checkouts', () => {
    expect(decided({ policy: { collection: 'checkout' } })).toMatchObject({
      do: 'open_checkout',
      kind: 'checkout',
    })
  })

  test('that is not to be collected is not charged either', () => {
    for (const fields of [{ status: 'voided' }, { total: 49 }, { nativeProvider: 'stripe' }]) {
      expect(decided({ invoice: fields }).do).toBe('rest')
    }
  })

  test('whose customer is at the pay link already is paid there: the card may be busy with another', () => {
    expect(decided({ ledger: { requestedBy: 'customer' } }).do).toBe('open_checkout')
  })
})

describe('a charge that was begun', () => {
  const begun = (fields: Partial<Attempt> = {}) => charge({ status: 'unknown', ...fields })

  test.each(['intended', 'unknown'] as const)('and is %s is looked for first', (status) => {
    const attempts = [begun({ status, cause: 'retry', retryIndex: 1 })]

    expect(decided({ ledger: { attempts } })).toEqual({
      do: 'charge_mandate',
      mandate: mandate(),
      isWanted: true,
      resume: attempts[0],
      cause: 'retry',
      retryIndex: 1,
    })
  })

  test.each<[string, Partial<Invoice>]>([
    ['was made void', { status: 'voided' }],
    ['was paid by other means', { paymentStatus: 'succeeded', paid: 10_800 }],
    ['is due for less', { paid: 800 }],
  ])('is looked for, but not repeated, when the invoice %s meanwhile', (_, fields) => {
    expect(decided({ invoice: fields, ledger: { attempts: [begun()] } })).toMatchObject({
      do: 'charge_mandate',
      isWanted: false,
      resume: { number: 1 },
    })
  })

  test('is looked for on its own card, also when another was saved since', () => {
    const mandates = [
      mandate({ status: 'cancelled' }),
      mandate({ dodoSubscriptionId: 'sub_2', renewedAt: NOW }),
    ]

    expect(decided({ ledger: { attempts: [begun()], mandates } })).toMatchObject({
      mandate: { dodoSubscriptionId: 'sub_1' },
      resume: { number: 1 },
    })
  })

  test('is not given up for a customer who comes to pay', () => {
    const about = { attempts: [begun()], requestedBy: 'customer' as const }

    expect(decided({ ledger: about })).toMatchObject({ do: 'charge_mandate', resume: {} })
  })

  test('is over as soon as a webhook tells how it went', () => {
    const payments = [payment({ status: 'failed', errorCode: 'STOLEN_CARD' })]

    expect(decided({ ledger: { attempts: [begun()], payments } })).toMatchObject({
      do: 'end_attempt',
      end: { status: 'declined', declineCode: 'STOLEN_CARD' },
    })
  })
})

describe('a charge that the bank is at', () => {
  const processing = {
    attempts: [charge()],
    payments: [payment({ status: 'processing', changedAt: ago(9 * DAY_MS) })],
  }

  test('is waited for, for days, and shown as such', () => {
    for (const requestedBy of [null, 'customer', 'merchant'] as const) {
      expect(decided({ ledger: { ...processing, requestedBy } })).toMatchObject({
        do: 'rest',
        standing: { state: 'processing' },
        isPayable: false,
      })
    }
  })

  const stuckSince = (ms: number) => ({
    attempts: [charge()],
    payments: [payment({ status: 'requires_customer_action', changedAt: ago(ms) })],
  })

  test('and that wants the customer is waited for an hour, from its last change', () => {
    expect(wakeOf(decided({ ledger: stuckSince(59 * MINUTE_MS) }))).toEqual(ahead(MINUTE_MS))
    expect(decided({ ledger: stuckSince(HOUR_MS) })).toMatchObject({
      do: 'end_attempt',
      end: { status: 'superseded', why: 'the bank wanted the customer, who was not there' },
    })
  })

  test('and that wanted the customer becomes a checkout for them', () => {
    const attempts = [charge({ status: 'superseded', endedAt: NOW })]

    expect(decided({ ledger: { ...stuckSince(HOUR_MS), attempts } })).toMatchObject({
      do: 'open_checkout',
      kind: 'mandate',
      cause: 'retry',
      retryIndex: 0,
    })
  })
})

describe('a charge that was declined', () => {
  const after = (attempts: Attempt[], fields: Partial<Ledger> = {}, now = NOW) =>
    decided({ invoice: failed, ledger: { attempts, ...fields } }, now)

  test.each(['STOLEN_CARD', 'DO_NOT_HONOR', 'AUTHENTICATION_REQUIRED', 'MANDATE_INVALID'])(
    'with %s becomes a checkout at once, at the same place of the schedule',
    (code) => {
      expect(after([declinedCharge(code, { retryIndex: 1 })])).toMatchObject({
        do: 'open_checkout',
        kind: 'mandate',
        cause: 'retry',
        retryIndex: 1,
      })
    },
  )

  test.each([
    ['INSUFFICIENT_FUNDS', 0, 3 * DAY_MS],
    ['GENERIC_DECLINE', 1, 7 * DAY_MS],
    [null, 2, 7 * DAY_MS],
    ['A_CODE_OF_NEXT_YEAR', 0, 3 * DAY_MS],
  ])('with %s is made again by the schedule', (code, retryIndex, waitMs) => {
    const startedAt = ago(2 * MINUTE_MS)
    const attempts = [declinedCharge(code, { retryIndex, startedAt })]
    const dueAt = new Date(startedAt.getTime() + waitMs)

    expect(wakeOf(after(attempts))).toEqual(dueAt)
    expect(after(attempts, {}, new Date(dueAt.getTime() - 1)).do).toBe('rest')
    expect(after(attempts, {}, dueAt)).toMatchObject({
      do: 'charge_mandate',
      resume: undefined,
      cause: 'retry',
      retryIndex: retryIndex + 1,
    })
  })

  test.each([
    ['minutes', 5 * MINUTE_MS, 0],
    ['hours', 11 * HOUR_MS, 0],
    ['two days and hours', 2 * DAY_MS + 5 * HOUR_MS, 2 * DAY_MS],
    ['nearly a day', 20 * HOUR_MS, DAY_MS],
  ])('is made again at the same hour of day, also when the bank took %s', (_, tookMs, daysMs) => {
    const startedAt = ago(tookMs)
    const attempts = [declinedCharge(null, { startedAt, endedAt: NOW })]

    expect(wakeOf(after(attempts))).toEqual(new Date(startedAt.getTime() + daysMs + 3 * DAY_MS))
  })

  test('as often as the schedule is long is not made again', () => {
    const attempts = [declinedCharge('INSUFFICIENT_FUNDS', { retryIndex: 3 })]

    expect(after(attempts, {}, ahead(365 * DAY_MS))).toMatchObject({
      do: 'rest',
      standing: { state: 'failed' },
      wakeAt: undefined,
    })
  })

  test('without a schedule is not made again', () => {
    const about = { invoice: failed, ledger: { attempts: [declinedCharge(null)] } }

    const step = decided({ ...about, policy: { retryScheduleMs: [] } }, ahead(365 * DAY_MS))

    expect(step).toMatchObject({ do: 'rest', wakeAt: undefined })
  })

  test.each<[string, Partial<Mandate>]>([
    ['was cancelled', { status: 'cancelled' }],
    ['expired', { status: 'expired' }],
    ['ends with its period', { isEnding: true }],
    ['was refused', { refusal: 'SUBSCRIPTION_INACTIVE' }],
    ['was put on hold and refused', { status: 'on_hold', refusal: 'SUBSCRIPTION_INACTIVE' }],
  ])('becomes a checkout at once when its mandate %s', (_, fields) => {
    const mandates = [mandate(fields)]

    expect(after([declinedCharge('INSUFFICIENT_FUNDS')], { mandates })).toMatchObject({
      do: 'open_checkout',
      kind: 'mandate',
    })
  })

  test('is made again by the schedule when it put the mandate on hold, unless the decline was hard', () => {
    const mandates = [mandate({ status: 'on_hold' })]
    const dueAt = new Date(ago(2 * MINUTE_MS).getTime() + 3 * DAY_MS)

    expect(wakeOf(after([declinedCharge(null)], { mandates }))).toEqual(dueAt)
    expect(after([declinedCharge(null)], { mandates }, dueAt)).toMatchObject({
      do: 'charge_mandate',
      mandate: { dodoSubscriptionId: 'sub_1' },
      cause: 'retry',
    })
    expect(after([declinedCharge('STOLEN_CARD')], { mandates }).do).toBe('open_checkout')
  })

  test('is made again at once with a card that was saved since', () => {
    for (const code of ['STOLEN_CARD', 'INSUFFICIENT_FUNDS']) {
      expect(
        after([declinedCharge(code)], { mandates: [mandate({ renewedAt: NOW })] }),
      ).toMatchObject({ do: 'charge_mandate', cause: 'mandate', retryIndex: 0 })
    }
  })

  test('is never made again without the customer when it was hard, whatever came after it', () => {
    const hard = declinedCharge('STOLEN_CARD', {
      startedAt: ago(9 * DAY_MS),
      endedAt: ago(9 * DAY_MS),
    })
    const later = (fields: Partial<Attempt>) => [
      hard,
      ended('declined', { number: 2, kind: 'mandate', startedAt: ago(9 * DAY_MS), ...fields }),
    ]

    // The customer tried another card at the checkout, in vain, which saved none.
    expect(after(later({ endedAt: ago(8 * DAY_MS) }))).toMatchObject({ do: 'open_checkout' })
    expect(after(later({ status: 'expired' }), { requestedBy: 'merchant' })).toMatchObject({
      do: 'open_checkout',
    })
  })

  test('is for the customer to pay otherwise when they come to the pay link', () => {
    const attempts = [declinedCharge('INSUFFICIENT_FUNDS')]

    expect(after(attempts, { requestedBy: 'customer' })).toMatchObject({
      do: 'open_checkout',
      kind: 'mandate',
      cause: 'customer',
    })
  })

  test.each([
    ['INSUFFICIENT_FUNDS', 'charge_mandate'],
    ['STOLEN_CARD', 'open_checkout'],
  ])('with %s leads to %s when the merchant presses Retry', (code, expected) => {
    const step = after([declinedCharge(code, { retryIndex: 2 })], { requestedBy: 'merchant' })

    expect(step).toMatchObject({ do: expected, cause: 'merchant', retryIndex: 0 })
  })

  test('marks the invoice failed in Lago', () => {
    const attempts = [declinedCharge('INSUFFICIENT_FUNDS')]

    expect(decided({ ledger: { attempts } }).do).toBe('mark_failed')
  })

  test('marks a top-up failed only when nothing is tried any more', () => {
    const top = { type: 'credit' }
    const next = (retryIndex: number, code: string) =>
      decided({ invoice: top, ledger: { attempts: [declinedCharge(code, { retryIndex })] } }).do

    expect(next(0, 'INSUFFICIENT_FUNDS')).toBe('rest')
    expect(next(0, 'STOLEN_CARD')).toBe('open_checkout')
    expect(next(3, 'STOLEN_CARD')).toBe('open_checkout')
    expect(next(3, 'INSUFFICIENT_FUNDS')).toBe('mark_failed')
  })
})

describe('a card that was saved while a checkout is open', () => {
  const renewed = { mandates: [mandate({ renewedAt: ago(MINUTE_MS) })] }
  const open = (fields: Partial<Attempt> = {}) => attempt({ kind: 'mandate', ...fields })

  test('makes us look once more whether it was saved by paying there', () => {
    const attempts = [open({ lookedAt: ago(2 * MINUTE_MS) })]

    expect(decided({ ledger: { ...renewed, attempts } }).do).toBe('read_session')
  })

  test('is charged instead when nobody was sent there', () => {
    const attempts = [open({ lookedAt: NOW })]

    expect(decided({ ledger: { ...renewed, attempts } })).toMatchObject({
      do: 'end_attempt',
      end: { status: 'superseded', why: 'the customer saved a card' },
    })
    expect(decided({ ledger: { ...renewed, attempts: [ended('superseded')] } })).toMatchObject({
      do: 'charge_mandate',
      cause: 'mandate',
    })
  })

  test('is not charged when somebody was, as they may be paying', () => {
    const attempts = [open({ handedOutAt: ago(30 * MINUTE_MS) })]

    expect(decided({ ledger: { ...renewed, attempts } })).toMatchObject({
      do: 'rest',
      standing: { state: 'open' },
    })
  })

  test('is charged once that checkout is over', () => {
    for (const status of ['expired', 'superseded', 'declined'] as const) {
      const attempts = [ended(status, { handedOutAt: ago(30 * MINUTE_MS) })]
      const step = decided({ invoice: failed, ledger: { ...renewed, attempts } })

      expect(step).toMatchObject({ do: 'charge_mandate', cause: 'mandate' })
    }
  })

  test('before the checkout was opened changes nothing about it', () => {
    expect(decided({ ledger: { attempts: [open()] } }).do).toBe('rest')
  })

  test('does not end the checkout of a payment request', () => {
    const attempts = [open({ receivableId: 'request_1', kind: 'checkout' })]

    expect(decided({ ledger: { ...renewed, attempts } }).do).toBe('rest')
  })
})

describe('what was paid through a saved card', () => {
  test('in part is followed by a charge for the rest, if the card was saved by that payment', () => {
    const renewed = { mandates: [mandate({ renewedAt: ago(MINUTE_MS) })] }
    const attempts = [ended('paid', { kind: 'mandate' })]

    expect(decided({ invoice: { paid: 800 }, ledger: { ...renewed, attempts } })).toMatchObject({
      do: 'charge_mandate',
      cause: 'mandate',
    })
  })

  test('is shown as being charged until Dodo says how it went', () => {
    expect(decided({ ledger: { attempts: [charge()] } })).toMatchObject({
      do: 'rest',
      standing: { state: 'processing', reason: 'the saved card is charged 108.00 USD' },
    })
  })
})
