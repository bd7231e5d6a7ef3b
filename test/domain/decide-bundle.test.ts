import { describe, expect, test } from 'bun:test'

import { decideRequest } from '../../src/billers/lago/decide/decide-request.ts'
import { shareOf, type Member } from '../../src/billers/lago/decide/members.ts'
import type { Attempt, Payment } from '../../src/collect/ledger.ts'
import type { Share } from '../../src/collect/ledger.ts'
import { decide } from '../../src/billers/lago/decide/decide.ts'
import type { Invoice, InvoiceLedger as Ledger } from '../../src/billers/lago/decide/invoice.ts'
import {
  ago,
  attempt,
  DAY_MS,
  ended,
  HOUR_MS,
  INVOICE_ID,
  invoice,
  ledger,
  MINUTE_MS,
  NOW,
  payment,
  policy,
  recording,
} from './builders.ts'

const BOTH: Share[] = [
  { receivableId: 'invoice_1', amount: 10_800 },
  { receivableId: 'invoice_2', amount: 4_200 },
]
const LESS: Share[] = [
  { receivableId: 'invoice_1', amount: 0 },
  { receivableId: 'invoice_2', amount: 4_200 },
]
const NOTHING = BOTH.map(({ receivableId }) => ({ receivableId, amount: 0 }))

const REQUEST_ID = 'request_1'
const open = (fields: Partial<Attempt> = {}): Attempt =>
  attempt({
    receivableId: REQUEST_ID,
    handedOutAt: ago(HOUR_MS),
    shares: BOTH,
    amount: 15_000,
    lookedAt: NOW,
    ...fields,
  })
const asMember = (share: Share): Member => ({
  share,
  number: share.receivableId,
  holdUp: undefined,
  standing: { state: 'open', reason: 'it is due' },
  isUncollected: false,
})
const decided = (
  attempts: Attempt[],
  wanted = BOTH,
  isRequested = false,
  payments: Payment[] = [],
) =>
  decideRequest(
    { currency: 'USD', payer: { email: 'ap@fern.example', country: 'US' } },
    wanted.map(asMember),
    ledger({
      receivableId: REQUEST_ID,
      attempts,
      payments,
      requestedBy: isRequested ? 'customer' : null,
    }),
    policy({ sessionFreshForMs: isRequested ? 2_000 : HOUR_MS }),
    NOW,
  )

describe('a payment request', () => {
  test('gets one checkout for what its invoices want', () => {
    expect(decided([])).toMatchObject({
      do: 'open_checkout',
      kind: 'checkout',
      cause: 'merchant',
      resume: undefined,
    })
  })

  test('asks nothing for an invoice that wants nothing', () => {
    expect(decided([], LESS).do).toBe('open_checkout')
    expect(decided([open({ shares: [BOTH[1] ?? { receivableId: '', amount: 0 }] })], LESS).do).toBe(
      'rest',
    )
  })

  test('of which nothing is due gets none', () => {
    expect(decided([], NOTHING, true).do).toBe('rest')
  })

  test('that asks for less than Dodo collects needs a person, and its link promises nothing', () => {
    const little = BOTH.map((one) => ({ ...one, amount: 10 }))

    for (const isRequested of [false, true])
      expect(decided([], little, isRequested)).toMatchObject({
        do: 'rest',
        standing: { state: 'attention', code: 'below_minimum' },
        isPayable: false,
      })
  })

  test('waits for the customer', () => {
    expect(decided([open()]).do).toBe('rest')
    expect(decided([open()], BOTH, true).do).toBe('rest')
  })

  test('waits for the customer in whatever order its invoices are named', () => {
    expect(decided([open()], BOTH.toReversed(), true).do).toBe('rest')
  })

  test('gets another checkout when somebody comes to pay, not before', () => {
    for (const status of ['expired', 'superseded', 'declined'] as const) {
      expect(decided([open({ status, endedAt: NOW })]).do).toBe('rest')
      expect(decided([open({ status, endedAt: NOW })], BOTH, true).do).toBe('open_checkout')
    }
  })

  test('whose sum is another keeps a checkout that somebody was sent to until they come again', () => {
    expect(decided([open()], LESS).do).toBe('rest')
    expect(decided([open()], LESS, true)).toMatchObject({
      do: 'open_checkout',
      replaces: { attempt: { id: 'attempt_1' } },
    })
    expect(decided([open()], NOTHING, true)).toMatchObject({
      do: 'end_attempt',
      end: { status: 'superseded' },
    })
  })

  test('whose sum is another replaces a checkout that nobody was sent to', () => {
    expect(decided([open({ handedOutAt: null })], LESS)).toMatchObject({
      do: 'open_checkout',
      replaces: { attempt: { id: 'attempt_1' } },
    })
  })

  test('is not touched while it is being paid', () => {
    const paying = open({ expiresAt: ago(HOUR_MS) })

    expect(decided([paying], LESS, true, [payment({ status: 'processing' })]).do).toBe('rest')
  })

  test('is looked at before somebody is sent there, and before it is given up as unpaid', () => {
    const stale = open({ lookedAt: ago(MINUTE_MS) })
    expect(decided([stale], BOTH, true)).toMatchObject({ do: 'read_session', attempt: stale })
    expect(decided([stale]).do).toBe('rest')
    const unseen = open({ expiresAt: ago(HOUR_MS), lookedAt: ago(2 * HOUR_MS) })
    expect(decided([unseen])).toMatchObject({ do: 'read_session' })
  })

  test('that was declined gives up its checkout, so that its invoices go on', () => {
    const failed = payment({ status: 'failed', errorCode: 'STOLEN_CARD' })

    expect(decided([open()], BOTH, false, [failed])).toMatchObject({
      do: 'end_attempt',
      end: { status: 'declined', why: 'the payment was declined (STOLEN_CARD)' },
    })
  })

  test('gives up a checkout that expired unpaid, a minute after Dodo did', () => {
    expect(decided([open({ expiresAt: ago(MINUTE_MS) })]).do).toBe('rest')
    expect(decided([open({ expiresAt: ago(MINUTE_MS + 1) })])).toMatchObject({
      do: 'end_attempt',
      end: { status: 'expired' },
    })
  })

  test.each(['intended', 'unknown'] as const)(
    'whose checkout a lost answer left %s opens the same again, not another',
    (status) => {
      const lost = open({ status, expiresAt: null, handedOutAt: null })

      expect(decided([lost])).toMatchObject({ do: 'open_checkout', resume: { id: lost.id } })
      expect(decided([lost], LESS)).toMatchObject({
        do: 'open_checkout',
        replaces: { attempt: { id: lost.id } },
      })
    },
  )
})

const shared = (about: Partial<Ledger> = {}, fields: Partial<Invoice> = {}) =>
  shareOf(invoice(fields), ledger(about), NOW, policy()).amount

describe('what an invoice adds to a payment request', () => {
  test('is what is due', () => {
    expect(shareOf(invoice(), ledger(), NOW, policy())).toEqual({
      receivableId: INVOICE_ID,
      amount: 10_800,
    })
    expect(shared({}, { paid: 800 })).toBe(10_000)
  })

  test('is also what would be too little alone', () => {
    expect(shared({}, { total: 20 })).toBe(20)
  })

  test.each<[string, Partial<Invoice>]>([
    ['paid', { paymentStatus: 'succeeded' }],
    ['void', { status: 'voided' }],
    ['a draft', { status: 'draft' }],
    ['for nothing', { total: 0 }],
    ['self-billed', { isSelfBilled: true }],
    ['collected by Stripe', { nativeProvider: 'stripe' }],
  ])('is nothing when it is %s', (_, fields) => {
    expect(shared({}, fields)).toBe(0)
  })

  test('is nothing when it is older than what is collected', () => {
    const collectSince = { at: NOW, isByInstallation: true }
    const old = invoice({ issuedOn: '2026-01-01' })

    expect(shareOf(old, ledger(), NOW, { collectSince }).amount).toBe(0)
  })

  test('is nothing when Lago does not show it', () => {
    expect(shareOf(undefined, ledger(), NOW, policy()).amount).toBe(0)
  })

  test.each(['intended', 'unknown', 'live'] as const)(
    'is nothing while a saved card is charged for it (%s)',
    (status) => {
      const attempts = [attempt({ kind: 'charge', status, dodoSessionId: null, expiresAt: null })]

      expect(shared({ attempts })).toBe(0)
    },
  )

  test.each(['processing', 'requires_customer_action', 'a_word_of_next_year'])(
    'is nothing while a payment for it is %s',
    (status) => {
      expect(shared({ attempts: [attempt()], payments: [payment({ status })] })).toBe(0)
    },
  )

  test('is nothing while a payment for it is not recorded yet', () => {
    const paid = { attempts: [ended('paid')], payments: [payment()] }

    expect(shared(paid)).toBe(0)
    for (const status of ['intended', 'unknown'] as const) {
      expect(shared({ ...paid, recordings: [recording({ status })] })).toBe(0)
    }
  })

  test('is nothing while Lago does not show yet that it was recorded', () => {
    const paid = { attempts: [ended('paid')], payments: [payment()], recordings: [recording()] }

    expect(shared(paid)).toBe(0)
  })

  test('is nothing while a payment for it is held', () => {
    const held = recording({ status: 'held', disposition: 'mismatch', amount: 0 })

    expect(shared({ attempts: [ended('paid')], payments: [payment()], recordings: [held] })).toBe(0)
  })

  test('is due again after a decline', () => {
    const payments = [payment({ status: 'failed' })]

    expect(shared({ attempts: [ended('declined')], payments })).toBe(10_800)
  })
})

/** The second invoice of a request for 150.00 USD. */
const OWN = 'invoice_2'
const joint = attempt({ receivableId: 'request_1', amount: 15_000, share: 4_200 })
const PARTS = BOTH.map(({ receivableId, amount }) => ({
  receivableId,
  share: amount,
  taken: amount,
  isSettled: false,
}))
const inRequest = (about: Partial<Ledger>, fields: Partial<Invoice> = {}) =>
  decide(
    invoice({ total: 4_200, ...fields }),
    ledger({ receivableId: OWN, attempts: [joint], ...about }),
    policy(),
    NOW,
  )

describe('an invoice in a payment request', () => {
  const paid = { payments: [payment({ amount: 15_000, parts: PARTS })] }

  test('is waited for while the checkout of the request is open', () => {
    expect(inRequest({ requestedBy: 'customer' })).toMatchObject({
      do: 'rest',
      standing: { state: 'open', reason: 'waiting for the customer to pay 42.00 USD' },
    })
  })

  test('that is too little to be collected alone is payable while the request asks for it', () => {
    const tiny = { total: 30 }
    expect(inRequest({}, tiny)).toMatchObject({
      do: 'rest',
      standing: { state: 'open' },
      isPayable: true,
    })
    const over = { ...joint, status: 'expired' as const, endedAt: ago(HOUR_MS) }
    expect(inRequest({ attempts: [over] }, tiny)).toMatchObject({
      standing: { state: 'attention' },
      isPayable: false,
    })
  })

  test('leaves a checkout that is not its own to the request', () => {
    const lost = { ...joint, status: 'unknown' as const, expiresAt: null, dodoSessionId: null }

    expect(inRequest({ attempts: [lost] }).do).toBe('rest')
    expect(inRequest({}, { status: 'voided' }).do).toBe('rest')
    expect(inRequest({}, { paid: 200 }).do).toBe('rest')
  })

  test('takes its share of the payment', () => {
    expect(inRequest(paid)).toMatchObject({ do: 'record_payment', amount: 4_200 })
  })

  test('takes no more than is due by then, and the rest goes back', () => {
    expect(inRequest(paid, { paid: 200 })).toMatchObject({ do: 'record_payment', amount: 4_000 })
    const recordings = [recording({ amount: 4_000 })]
    const about = { ...paid, recordings, attempts: [{ ...joint, status: 'paid' as const }] }

    expect(inRequest(about, { paid: 4_200, paymentStatus: 'succeeded' })).toMatchObject({
      do: 'order_refund',
      amount: 200,
      cause: 'overpayment',
    })
  })

  test('that was paid meanwhile gives back its share, and that of no other', () => {
    const recordings = [
      recording({ dodoPaymentId: 'pay_0', amount: 4_200 }),
      recording({ status: 'held', disposition: 'duplicate', amount: 0 }),
    ]
    const parts = [{ receivableId: OWN, share: 4_200, taken: 4_200, isSettled: true }]
    const own = attempt({ number: 2, status: 'paid', amount: 4_200 })
    const other = payment({ dodoPaymentId: 'pay_0', attemptId: own.id, amount: 4_200, parts })
    const about = { payments: [other, ...paid.payments], attempts: [own, joint], recordings }
    const step = inRequest(about, { paid: 4_200, paymentStatus: 'succeeded' })

    expect(step).toMatchObject({ do: 'order_refund', amount: 4_200, cause: 'duplicate' })
  })

  test('does not take a payment of another sum than the request asked for', () => {
    const payments = [payment({ amount: 14_999, parts: PARTS })]

    expect(inRequest({ payments })).toMatchObject({ do: 'hold_payment', disposition: 'mismatch' })
  })

  test('gives up a checkout of the request that expired', () => {
    const expired = { ...joint, expiresAt: ago(HOUR_MS), startedAt: ago(DAY_MS) }

    expect(inRequest({ attempts: [expired] })).toMatchObject({
      do: 'end_attempt',
      end: { status: 'expired' },
    })
  })
})
