import { describe, expect, test } from 'bun:test'
import * as fc from 'fast-check'

import { isFinal, isLive, type Payment } from '../../src/collect/ledger.ts'
import type { Step } from '../../src/billers/lago/decide/steps.ts'
import { DAY_MS } from './builders.ts'
import { follow } from './follow.ts'
import { beginOf, handOut, happen, monthArbitrary, type Happening } from './month-model.ts'
import type { Case } from './world-model.ts'

const RUNS = { numRuns: 2_000 }

type Look = (about: Case, step: Step) => void
type Month = Parameters<typeof beginOf>[0]

const settle = (about: Case, look: Look) => handOut(follow(about, look).end)
const pass = (about: Case, what: Happening['what'], part = 100): Case =>
  happen(about, { what, nth: 0, part, isHeardOf: true })

/** Lives a month, then lets everything come to its end. */
function live(month: Month, look: Look = () => undefined) {
  let current = settle(beginOf(month), look)
  for (const happening of month.happenings) {
    current = happen(current, happening)
    if (happening.isHeardOf) current = settle(current, look)
  }
  current = settle(current, look)
  while (current.ledger.payments.some((one) => !isFinal(one)) || isRefunding(current)) {
    current = pass(pass(current, 'the bank decides'), 'Dodo is done with a refund')
    current = settle(pass(current, 'time passes', 12), look)
  }
  const { end, standing } = follow(current, look)
  return { end, standing }
}

const isRefunding = ({ ledger }: Case) =>
  ledger.payments.some(({ refunds }) => refunds.some(({ status }) => status === 'pending'))

const always = (look: Look) =>
  fc.assert(
    fc.property(monthArbitrary, (month) => {
      live(month, look)
    }),
    RUNS,
  )

const sumOf = (items: readonly { amount: number | null }[]) =>
  items.reduce((sum, { amount }) => sum + (amount ?? 0), 0)
/** What Dodo keeps of a payment. */
const keptOf = ({ status, amount, refunds }: Payment) =>
  status === 'succeeded' ? amount - sumOf(refunds.filter((one) => one.status === 'succeeded')) : 0

const asks = (step: Step) =>
  step.do === 'open_checkout' || (step.do === 'charge_mandate' && step.isWanted)

describe('in any month', () => {
  test('what Dodo kept in the end is what Lago says was paid less its credit notes, or a person is told', () => {
    fc.assert(
      fc.property(monthArbitrary, (month) => {
        const { end, standing } = live(month)
        const { payments, recordings, creditNotes } = end.ledger

        if (standing.state === 'attention') return
        const kept = payments.reduce((sum, one) => sum + keptOf(one), 0)
        const recorded = sumOf(recordings.filter(({ status }) => status === 'recorded'))
        const noted = sumOf(creditNotes.filter(({ refundStatus }) => refundStatus === 'succeeded'))
        const credited = Object.values(end.credited).reduce((sum, amount) => sum + amount, 0)
        expect(kept).toBe(recorded - noted - credited)
      }),
      RUNS,
    )
  })

  test('nothing is asked for while a payment may still succeed, nor beyond what is due', () => {
    always(({ invoice, ledger, now }, step) => {
      if (!asks(step)) return
      expect(invoice.due).toBeGreaterThan(0)
      for (const payment of ledger.payments) {
        expect(payment.status).not.toBe('processing')
        const attempt = ledger.attempts.find(({ id }) => id === payment.attemptId)
        const isOpen = attempt?.expiresAt ? attempt.expiresAt > now : false
        expect(isOpen && !isFinal(payment)).toBe(false)
      }
    })
  })

  test('nothing is asked for while Dodo keeps money for the invoice that Lago does not count', () => {
    always(({ ledger }, step) => {
      if (!asks(step)) return
      for (const payment of ledger.payments) {
        const recording = ledger.recordings.find(
          ({ dodoPaymentId }) => dodoPaymentId === payment.dodoPaymentId,
        )
        if (recording?.status !== 'recorded') expect(keptOf(payment)).toBe(0)
      }
    })
  })

  test('at most one attempt is live at any time', () => {
    always(({ ledger }) => {
      expect(ledger.attempts.filter(isLive).length).toBeLessThanOrEqual(1)
    })
  })

  test('no card is charged more often than the schedule, the merchant and the customer say', () => {
    fc.assert(
      fc.property(monthArbitrary, (month) => {
        const { end } = live(month)

        const charges = end.ledger.attempts.filter(({ kind }) => kind === 'charge')
        const isCause = ({ what }: Happening) =>
          what === 'the merchant presses Retry' ||
          what === 'a card is saved' ||
          what === 'a customer comes' ||
          what === 'a customer pays' ||
          what === 'the bank decides'
        const causes = month.happenings.filter(isCause).length + 1
        expect(charges.length).toBeLessThanOrEqual(
          causes * (1 + month.policy.retryScheduleMs.length),
        )
      }),
      RUNS,
    )
  })

  test('an invoice that nobody pays is retried by the schedule and then left alone', () => {
    fc.assert(
      fc.property(monthArbitrary, ({ policy, luck }) => {
        const declines = { ...luck, charges: ['INSUFFICIENT_FUNDS'] }
        const automatic = { ...policy, collection: 'automatic' as const }
        let current = beginOf({ policy: automatic, luck: declines, hasCard: true, happenings: [] })
        const charges: Date[] = []
        for (let days = 0; days < 40; days += 1) {
          current = settle(current, ({ now }, step) => {
            if (step.do === 'charge_mandate') charges.push(now)
          })
          current = { ...current, now: new Date(current.now.getTime() + DAY_MS) }
        }

        const [first = current.now] = charges
        expect(charges.map((at) => Math.round((at.getTime() - first.getTime()) / DAY_MS))).toEqual([
          0, 3, 10, 17,
        ])
      }),
      { numRuns: 20 },
    )
  })

  test('every refund is asked for once, and has one credit note at most', () => {
    fc.assert(
      fc.property(monthArbitrary, (month) => {
        const credited: string[] = []
        const { end } = live(month, (_, step) => {
          if (step.do === 'credit_refund') credited.push(step.refund.dodoRefundId)
        })

        const done = end.ledger.credits.filter(({ status }) => status === 'credited')
        expect(new Set(done.map(({ dodoRefundId }) => dodoRefundId)).size).toBe(done.length)
        expect(new Set(credited).size).toBe(credited.length)
        for (const { orders, amount, refunds } of end.ledger.payments) {
          expect(
            keptOf({ ...orders[0], status: 'succeeded', amount, refunds } as Payment),
          ).toBeGreaterThanOrEqual(0)
          const ids = orders.flatMap(({ dodoRefundId }) => dodoRefundId ?? [])
          expect(new Set(ids).size).toBe(ids.length)
        }
      }),
      RUNS,
    )
  })
})
