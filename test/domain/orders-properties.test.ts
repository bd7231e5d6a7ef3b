import { describe, expect, test } from 'bun:test'
import * as fc from 'fast-check'

import { decide } from '../../src/billers/orders/decide/decide.ts'
import { leftOf } from '../../src/billers/orders/decide/money-of-order.ts'
import type { Order, RefundRequest } from '../../src/billers/orders/decide/order.ts'
import type { Disposition, Ledger, Payment, Policy, Recording } from '../../src/collect/ledger.ts'
import { ago, attempt, DAY_MS, INVOICE_ID, MINUTE_MS, NOW, payment, PAY_URL } from './builders.ts'

const DUE = 10_800
const WORDS = {
  superseded: 'another amount is asked for',
  waits: 'waits',
  asked: 'it was asked for',
  claimed: 'told',
  replaced: 'paid anew',
}

type World = { order: Order; requests: RefundRequest[]; ledger: Ledger; policy: Policy }

const orderOf: fc.Arbitrary<Order> = fc
  .record({
    isClaimed: fc.boolean(),
    isSuperseded: fc.boolean(),
    isReplaced: fc.boolean(),
    leftMs: fc.constantFrom(0, 2 * DAY_MS),
    closed: fc.constantFrom(null, 'the location left'),
    isCharged: fc.boolean(),
  })
  .map(({ leftMs, ...drawn }) => ({
    currency: 'USD',
    due: DUE,
    payer: { email: 'ap@fern.example', country: 'US' },
    words: WORDS,
    untold: null,
    ...drawn,
    // What was claimed is neither superseded nor closed any more; only what was superseded is replaced.
    isSuperseded: drawn.isSuperseded && !drawn.isClaimed,
    supersededAt: drawn.isSuperseded && !drawn.isClaimed ? ago(leftMs) : null,
    closed: drawn.isClaimed ? null : drawn.closed,
    isReplaced: drawn.isReplaced && drawn.isSuperseded && !drawn.isClaimed,
  }))

const paymentOf = (index: number): fc.Arbitrary<Payment> =>
  fc
    .record({
      status: fc.constantFrom('succeeded', 'failed', 'processing', 'cancelled', 'missing'),
      amount: fc.constantFrom(DUE, DUE, DUE - 1, DUE + 500),
      currency: fc.constantFrom('USD', 'USD', 'USD', 'EUR'),
      attemptId: fc.constantFrom('attempt_1', 'attempt_1', 'attempt_of_another', null),
      isConfirmed: fc.boolean(),
      isFresh: fc.boolean(),
      orders: fc.constantFrom<'none' | 'spare' | 'asked' | 'begun'>(
        'none',
        'none',
        'none',
        'none',
        'spare',
        'asked',
        'begun',
      ),
    })
    .map(({ isFresh, orders, ...drawn }) => {
      const dodoPaymentId = `pay_${index}`
      return payment({
        ...drawn,
        dodoPaymentId,
        madeAt: ago((20 - index) * MINUTE_MS),
        observedAt: isFresh ? NOW : ago(DAY_MS),
        missingSince: drawn.status === 'missing' ? ago(DAY_MS) : null,
        // What Dodo has never shown was never asked back for either.
        orders:
          orders === 'none' || drawn.status === 'missing'
            ? []
            : [
                {
                  id: `order_${index}`,
                  dodoPaymentId,
                  receivableId: INVOICE_ID,
                  creditNoteId: orders === 'asked' ? 'request_1' : null,
                  cause: 'late',
                  status: orders === 'begun' ? 'unknown' : 'accepted',
                  amount: 1_000,
                  dodoRefundId: orders === 'begun' ? null : `ref_${index}`,
                  reason: null,
                  repeatableAt: NOW,
                },
              ],
      })
    })

/** At most one payment is applied, as the tables hold it; which ones are recorded at all is drawn. */
function record(payments: readonly Payment[], drawn: readonly (Disposition | 'none')[]) {
  const recordings: Recording[] = []
  for (const [index, one] of payments.entries()) {
    const wanted = drawn[index] ?? 'none'
    if (wanted === 'none' || one.status !== 'succeeded' || !one.isConfirmed) continue
    const isTaken = recordings.some(({ disposition }) => disposition === 'applied')
    const isExact = one.attemptId === 'attempt_1' && one.amount === DUE && one.currency === 'USD'
    const disposition = !isExact
      ? 'mismatch'
      : wanted === 'applied' && isTaken
        ? 'duplicate'
        : wanted
    recordings.push({
      dodoPaymentId: one.dodoPaymentId,
      disposition,
      status: disposition === 'applied' ? 'recorded' : 'held',
      through: null,
      booksPaymentId: null,
      amount: DUE,
      reason: null,
      repeatableAt: NOW,
      lookedAt: null,
      elsewhere: 0,
    })
  }
  return recordings
}

const world: fc.Arbitrary<World> = fc
  .record({
    order: orderOf,
    payments: fc.tuple(paymentOf(1), paymentOf(2)),
    count: fc.integer({ min: 0, max: 2 }),
    drawn: fc.array(fc.constantFrom<Disposition | 'none'>('applied', 'late', 'duplicate', 'none'), {
      minLength: 2,
      maxLength: 2,
    }),
    attemptStatus: fc.constantFrom(
      'intended' as const,
      'live' as const,
      'unknown' as const,
      'paid' as const,
      'declined' as const,
      'expired' as const,
      'superseded' as const,
    ),
    hasAttempt: fc.boolean(),
    requestedBy: fc.constantFrom(null, 'customer' as const),
    requests: fc.array(
      fc.record({
        id: fc.constantFrom('request_1', 'request_2'),
        dodoPaymentId: fc.constantFrom('pay_1', 'pay_2'),
        amount: fc.constantFrom(500, DUE, DUE * 2),
      }),
      { maxLength: 2 },
    ),
    mandate: fc.constantFrom('active', 'on_hold', 'none'),
    choice: fc.constantFrom<'refund' | 'hold'>('refund', 'hold'),
  })
  .map(({ order, payments, count, drawn, attemptStatus, hasAttempt, requestedBy, ...rest }) => {
    const kind = order.isCharged ? ('charge' as const) : ('checkout' as const)
    const isOver = !['intended', 'live', 'unknown'].includes(attemptStatus)
    const only = attempt({
      kind,
      status: attemptStatus,
      endedAt: isOver ? ago(MINUTE_MS) : null,
      dodoSubscriptionId: order.isCharged ? 'sub_1' : null,
      ...(order.isCharged && {
        dodoSessionId: null,
        expiresAt: null,
        repeatableAt: ago(MINUTE_MS),
      }),
      declineCode: attemptStatus === 'declined' ? 'INSUFFICIENT_FUNDS' : null,
    })
    const made = payments.slice(0, count)
    const recordings = record(made, drawn)
    const taken = (one: Payment) =>
      recordings.find(({ dodoPaymentId }) => dodoPaymentId === one.dodoPaymentId)?.disposition ===
      'applied'
    return {
      order,
      requests: rest.requests,
      ledger: {
        receivableId: INVOICE_ID,
        payUrl: PAY_URL,
        requestedBy,
        paidElsewhere: null,
        dismissed: [],
        attempts: hasAttempt ? [only] : [],
        payments: made.map((one) => ({
          ...one,
          parts: [
            {
              receivableId: INVOICE_ID,
              share: DUE,
              taken: taken(one) ? DUE : 0,
              isSettled: true,
            },
          ],
        })),
        recordings,
        mandates:
          order.isCharged && rest.mandate !== 'none'
            ? [
                {
                  dodoSubscriptionId: 'sub_1',
                  currency: 'USD',
                  status: rest.mandate,
                  isEnding: false,
                  refusal: null,
                  renewedAt: ago(DAY_MS),
                },
              ]
            : [],
      },
      policy: {
        collection: order.isCharged ? 'automatic' : 'checkout',
        duplicatePayments: rest.choice,
        voidPayments: rest.choice,
        retryScheduleMs: [],
        paymentFreshForMs: MINUTE_MS,
        sessionFreshForMs: 60 * MINUTE_MS,
        startedAt: ago(1),
      },
    }
  })

const stepOf = ({ order, requests, ledger, policy }: World) =>
  decide(order, requests, ledger, policy, NOW)
const holds = (claim: (drawn: World) => void) =>
  fc.assert(fc.property(world, claim), { numRuns: 3_000, seed: 1 })
const appliedIn = ({ recordings }: Ledger) =>
  recordings.find(({ disposition }) => disposition === 'applied')

describe('whatever is known of an order', () => {
  test('only a confirmed payment of exactly its amount, through an attempt of its own, pays it (P1, P2)', () =>
    holds((drawn) => {
      const step = stepOf(drawn)
      if (step.do !== 'record' || step.disposition !== 'applied') return
      const { payment: paid } = step
      expect(paid).toMatchObject({
        status: 'succeeded',
        isConfirmed: true,
        amount: DUE,
        currency: 'USD',
        attemptId: 'attempt_1',
      })
      expect(appliedIn(drawn.ledger)).toBeUndefined()
      expect(drawn.ledger.attempts.map(({ id }) => id)).toContain('attempt_1')
    }))

  test('it is called paid only if such a payment was noted (P1)', () =>
    holds((drawn) => {
      const step = stepOf(drawn)
      if (step.do !== 'rest' || step.standing.state !== 'paid') return
      expect(appliedIn(drawn.ledger)).toBeDefined()
    }))

  test('no policy gives back what pays it, nor what nobody can explain (P5)', () =>
    holds((drawn) => {
      const step = stepOf(drawn)
      if (step.do !== 'order_refund' || step.creditNote || step.resume) return
      const recorded = drawn.ledger.recordings.find(
        ({ dodoPaymentId }) => dodoPaymentId === step.payment.dodoPaymentId,
      )
      expect(['duplicate', 'late']).toContain(recorded?.disposition ?? 'none')
      expect(drawn.policy.voidPayments).toBe('refund')
    }))

  test('what was claimed is never given up for another order (P5)', () =>
    holds((drawn) => {
      const step = stepOf(drawn)
      if (step.do !== 'give_up') return
      expect(drawn.order).toMatchObject({ isClaimed: false, isSuperseded: true })
      if (step.as === 'duplicate') expect(drawn.order.isReplaced).toBe(true)
      else expect(drawn.order.supersededAt?.getTime()).toBeLessThan(NOW.getTime() - DAY_MS)
    }))

  test('what was begun, and perhaps carried out, is looked for before anything new is asked for (P4)', () =>
    holds((drawn) => {
      const step = stepOf(drawn)
      const { attempts, payments } = drawn.ledger
      if (step.do === 'order_refund' && !step.resume) {
        const orders = payments.flatMap((one) => one.orders)
        expect(orders.filter(({ status }) => status !== 'accepted')).toEqual([])
      }
      const isNew = step.do === 'open_checkout' || step.do === 'charge_mandate'
      if (!isNew || step.resume) return
      const isUnknown = attempts.filter(({ status }) => ['intended', 'unknown'].includes(status))
      expect(isUnknown).toEqual([])
    }))

  test('no refund is asked for twice, nor of more than is left (P6)', () =>
    holds((drawn) => {
      const step = stepOf(drawn)
      if (step.do !== 'order_refund' || step.resume) return
      const { payment: paid, creditNote, amount } = step
      expect(amount).toBeLessThanOrEqual(leftOf(paid))
      const placed = paid.orders.map(({ creditNoteId }) => creditNoteId)
      if (creditNote) expect(placed).not.toContain(creditNote.creditNoteId)
    }))

  test('nothing is asked for once it is paid, superseded or closed', () =>
    holds((drawn) => {
      const step = stepOf(drawn)
      const isAsking =
        step.do === 'open_checkout' || (step.do === 'charge_mandate' && step.isWanted)
      if (!isAsking) return
      expect(appliedIn(drawn.ledger)).toBeUndefined()
      expect(drawn.order).toMatchObject({ isSuperseded: false, closed: null })
    }))

  test('an order that charges a card sends nobody to a page, and no other charges one', () =>
    holds((drawn) => {
      const step = stepOf(drawn)
      if (step.do === 'open_checkout') expect(drawn.order.isCharged).toBe(false)
      if (step.do === 'charge_mandate') expect(drawn.order.isCharged).toBe(true)
      if (step.do === 'rest' && drawn.order.isCharged) expect(step.isPayable).toBe(false)
    }))

  test('an order is closed only when a charge of it is over, and nothing is under way', () =>
    holds((drawn) => {
      const step = stepOf(drawn)
      if (step.do !== 'close') return
      expect(drawn.order).toMatchObject({ isCharged: true, closed: null })
      const live = drawn.ledger.attempts.filter(({ status }) =>
        ['intended', 'live', 'unknown'].includes(status),
      )
      expect(live).toEqual([])
      expect(appliedIn(drawn.ledger)).toBeUndefined()
    }))

  test('none is said to wait to be paid that cannot be, also when a person dealt with held money', () =>
    holds((drawn) => {
      const recordings = drawn.ledger.recordings.map((one) => ({
        ...one,
        ruling: 'accepted' as const,
        ruledAt: NOW,
        ruledAmount: DUE * 2,
      }))
      const step = stepOf({ ...drawn, ledger: { ...drawn.ledger, recordings } })
      if (step.do !== 'rest' || drawn.order.isCharged) return
      if (step.standing.reason === WORDS.waits) expect(step.isPayable).toBe(true)
    }))
})

test('the arbitrary world reaches every kind of step', () => {
  const seen = new Set<string>()
  fc.assert(
    fc.property(world, (drawn) => {
      seen.add(stepOf(drawn).do)
    }),
    { numRuns: 12_000, seed: 1 },
  )
  for (const step of [
    'record',
    'give_up',
    'close',
    'rest',
    'order_refund',
    'open_checkout',
    'charge_mandate',
  ])
    expect([...seen]).toContain(step)
})
