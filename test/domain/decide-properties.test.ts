import { describe, expect, test } from 'bun:test'
import * as fc from 'fast-check'

import { whyNotCollected } from '../../src/billers/lago/decide/collectable.ts'
import {
  isFinal,
  isLive,
  type Attempt,
  type Ledger,
  type Payment,
  isLost,
} from '../../src/collect/ledger.ts'
import type { Step } from '../../src/billers/lago/decide/steps.ts'
import { caseArbitrary } from './case-arbitrary.ts'
import { decideOn, follow } from './follow.ts'
import { isOurs, type Case } from './world-model.ts'

const RUNS = { numRuns: 3_000 }

const always = (check: (about: Case, step: Step) => void) =>
  fc.assert(
    fc.property(caseArbitrary, (about) => check(about, decideOn(about))),
    RUNS,
  )

/** The same of every step that is taken until nothing is left to do. */
const alwaysOnTheWay = (check: (about: Case, step: Step) => void) =>
  fc.assert(
    fc.property(caseArbitrary, (about) => {
      follow(about, check)
    }),
    RUNS,
  )

/** A step that asks the customer, or their card, for money that was not asked for before. */
const asksForMoney = (step: Step) =>
  step.do === 'open_checkout' || (step.do === 'charge_mandate' && step.isWanted)

const shuffled = <Item>(items: readonly Item[]) =>
  fc.shuffledSubarray([...items], { minLength: items.length })
const summary = ({ end, standing }: ReturnType<typeof follow>) => ({
  state: standing.state,
  paymentStatus: end.invoice.paymentStatus,
  attempts: end.ledger.attempts.map(({ number, status }) => `${number} ${status}`).toSorted(),
  recordings: end.ledger.recordings
    .map(({ dodoPaymentId, status }) => `${dodoPaymentId} ${status}`)
    .toSorted(),
  orders: ordersOf(end.ledger)
    .map(({ dodoPaymentId, amount, status }) => `${dodoPaymentId} ${amount} ${status}`)
    .toSorted(),
})

const byStart = (one: Attempt, other: Attempt) =>
  one.startedAt.getTime() - other.startedAt.getTime() || one.number - other.number

/** What Lago holds as payments of ours. */
const recordedOf = ({ recordings }: Ledger) =>
  recordings
    .filter(({ status, through }) => status === 'recorded' && through === 'payment')
    .reduce((sum, { amount }) => sum + amount, 0)

const ordersOf = ({ payments }: Ledger) => payments.flatMap(({ orders }) => orders)

/** What Dodo gave back, or is about to. */
const givenBack = ({ refunds }: Payment) =>
  refunds
    .filter(({ status }) => status !== 'failed')
    .reduce((sum, { amount }) => sum + (amount ?? 0), 0)

const recordingOf = ({ recordings }: Ledger, { dodoPaymentId }: Payment) =>
  recordings.find((one) => one.dodoPaymentId === dodoPaymentId)

describe('whatever has happened to an invoice', () => {
  test('nothing is asked for while a payment of ours may still succeed', () => {
    alwaysOnTheWay(({ ledger }, step) => {
      if (!asksForMoney(step)) return
      for (const payment of ledger.payments) {
        const attempt = ledger.attempts.find(({ id }) => id === payment.attemptId)
        if (!attempt) continue
        expect(payment.status).not.toBe('processing')
        expect(isLive(attempt) && !isFinal(payment)).toBe(false)
      }
    })
  })

  test('nothing is asked for while Lago does not show yet what was recorded', () => {
    alwaysOnTheWay(({ invoice, ledger }, step) => {
      if (!asksForMoney(step)) return
      expect(recordedOf(ledger)).toBeLessThanOrEqual(invoice.paid)
    })
  })

  test('nothing is asked for while a payment of ours is held that was not given back', () => {
    alwaysOnTheWay(({ ledger }, step) => {
      if (!asksForMoney(step)) return
      for (const payment of ledger.payments) {
        const isFromUs = ledger.attempts.some(({ id }) => id === payment.attemptId)
        if (!isFromUs || recordingOf(ledger, payment)?.status !== 'held') continue
        // What a bank took back is not held any more.
        if (payment.disputes.some(isLost)) continue
        expect(givenBack(payment)).toBe(payment.amount)
      }
    })
  })

  test('nothing is asked for on an invoice that is not ours to collect', () => {
    alwaysOnTheWay(({ invoice, policy }, step) => {
      if (!asksForMoney(step)) return
      expect(whyNotCollected(invoice, policy)).toBeUndefined()
      expect(invoice).toMatchObject({
        status: 'finalized',
        isSelfBilled: false,
        nativeProvider: null,
      })
      expect(invoice.paymentStatus).not.toBe('succeeded')
      expect(invoice.type).not.toBe('advance_charges')
      expect(invoice.due).toBeGreaterThanOrEqual(50)
    })
  })

  test('only a card that may be charged is, and only where the merchant wants that', () => {
    alwaysOnTheWay(({ invoice, ledger, policy }, step) => {
      if (step.do !== 'charge_mandate' || !step.isWanted || step.resume) return
      expect(policy.collection).toBe('automatic')
      expect(step.mandate).toMatchObject({
        currency: invoice.currency,
        isEnding: false,
        refusal: null,
      })
      // A decline that may be repeated puts the mandate on hold, which does not lock it.
      const last = ledger.attempts.toSorted(byStart).at(-1)
      const isHeldByUs = step.mandate?.dodoSubscriptionId === last?.dodoSubscriptionId
      expect(isHeldByUs ? ['active', 'on_hold'] : ['active']).toContain(step.mandate?.status ?? '')
    })
  })

  test('a charge whose outcome is not known is looked for before anything else is asked for', () => {
    alwaysOnTheWay(({ ledger }, step) => {
      const begun = ledger.attempts.find((one) => isLive(one) && one.kind === 'charge')
      if (!begun || (step.do !== 'open_checkout' && step.do !== 'charge_mandate')) return
      expect(step).toMatchObject({ do: 'charge_mandate', resume: { id: begun.id } })
    })
  })

  test('no payment is recorded that was not made through an attempt of ours, for exactly its amount', () => {
    alwaysOnTheWay(({ ledger }, step) => {
      if (step.do !== 'record_payment') return
      expect(isOurs(ledger.attempts)(step.payment)).toBe(true)
    })
  })

  test('no payment is recorded that only a webhook told of', () => {
    alwaysOnTheWay((_, step) => {
      if (step.do === 'record_payment') expect(step.payment.isConfirmed).toBe(true)
    })
  })

  test('no payment is begun to be recorded on a void invoice, nor beyond what is due', () => {
    always(({ invoice, ledger }, step) => {
      if (step.do !== 'record_payment' || ledger.recordings.length > 0) return
      expect(invoice.status).not.toBe('voided')
      if (invoice.paymentStatus === 'succeeded') return
      expect(step.amount).toBeLessThanOrEqual(invoice.due)
    })
    fc.assert(
      fc.property(caseArbitrary, (about) => {
        // Lago refuses what it holds already, also while it does not show that yet.
        fc.pre(recordedOf(about.ledger) <= about.invoice.paid)

        const { end } = follow(about)
        const whole = end.ledger.recordings.filter(
          ({ status, amount }) => status === 'recorded' && amount === about.invoice.total,
        )

        expect(whole.length).toBeLessThanOrEqual(1)
        expect(end.invoice.paid).toBeLessThanOrEqual(end.invoice.total)
      }),
      RUNS,
    )
  })

  test('settling ends, with every succeeded payment recorded or held', () => {
    fc.assert(
      fc.property(caseArbitrary, (about) => {
        const { end } = follow(about)

        const settled = end.ledger.recordings.filter(
          ({ status }) => status === 'recorded' || status === 'held',
        )
        const money = end.ledger.payments.filter(({ status }) => status === 'succeeded')
        expect(settled.map(({ dodoPaymentId }) => dodoPaymentId).toSorted()).toEqual(
          money.map(({ dodoPaymentId }) => dodoPaymentId).toSorted(),
        )
      }),
      RUNS,
    )
  })

  test('at most one attempt is live at any time', () => {
    alwaysOnTheWay(({ ledger }) => {
      expect(ledger.attempts.filter(isLive).length).toBeLessThanOrEqual(1)
    })
  })

  test('settling again changes nothing', () => {
    fc.assert(
      fc.property(caseArbitrary, (about) => {
        const first = follow(about)

        expect(decideOn(first.end)).toMatchObject({ do: 'rest', standing: first.standing })
      }),
      RUNS,
    )
  })

  test('money that nobody takes is on its way back, or wants attention', () => {
    fc.assert(
      fc.property(caseArbitrary, (about) => {
        const { end, standing } = follow(about)
        const isKept = end.ledger.payments.some(
          (payment) =>
            recordingOf(end.ledger, payment)?.status === 'held' &&
            payment.disputes.length === 0 &&
            givenBack(payment) < payment.amount &&
            !payment.refunds.some(({ status }) => status === 'pending'),
        )

        if (isKept) expect(standing.state).toBe('attention')
        expect(standing.reason).not.toBe('')
      }),
      RUNS,
    )
  })

  test('what the merchant wants held is never given back unasked', () => {
    alwaysOnTheWay(({ ledger, policy }, step) => {
      if (step.do !== 'order_refund' || step.creditNote || step.resume) return
      const disposition = recordingOf(ledger, step.payment)?.disposition ?? 'mismatch'
      expect(disposition).not.toBe('mismatch')
      const choice = disposition === 'late' ? policy.voidPayments : policy.duplicatePayments
      expect(choice).toBe('refund')
    })
  })

  test('what a stranger paid is never given back unasked', () => {
    alwaysOnTheWay(({ ledger }, step) => {
      if (step.do !== 'order_refund' || step.creditNote) return
      expect(ledger.attempts.map(({ id }) => id)).toContain(step.payment.attemptId ?? '')
    })
  })

  test('of no payment more is given back than was paid, and no refund is asked for beside another', () => {
    alwaysOnTheWay(({ ledger }, step) => {
      for (const payment of ledger.payments) {
        expect(givenBack(payment)).toBeLessThanOrEqual(payment.amount)
        const placed = payment.orders.filter(({ status }) => status !== 'refused')
        expect(new Set(placed.map(({ dodoRefundId, id }) => dodoRefundId ?? id)).size).toBe(
          placed.length,
        )
      }
      if (step.do !== 'order_refund') return
      expect(step.amount).toBeGreaterThan(0)
      expect(step.payment.refunds.filter(({ status }) => status === 'pending')).toBeEmpty()
      const open = step.payment.orders.filter(({ status }) => status === 'unknown')
      expect(open).toEqual(step.resume ? [step.resume] : [])
    })
  })

  test('no refund becomes a credit note twice, nor one that carries out a credit note', () => {
    alwaysOnTheWay(({ ledger }, step) => {
      if (step.do !== 'credit_refund') return
      const { dodoRefundId } = step.refund
      const known = ledger.credits.filter((one) => one.dodoRefundId === dodoRefundId)
      expect(known.filter(({ status }) => status === 'credited')).toBeEmpty()
      const orders = ordersOf(ledger).filter((one) => one.dodoRefundId === dodoRefundId)
      expect(orders.filter(({ creditNoteId }) => creditNoteId)).toBeEmpty()
      expect(step.amount).toBeLessThanOrEqual(step.refund.amount ?? 0)
    })
  })

  test('a credit note that is answered as carried out was, to the cent', () => {
    alwaysOnTheWay((_, step) => {
      if (step.do !== 'answer_credit_note' || step.outcome !== 'succeeded') return
      const sum = step.refunds.reduce((total, { amount }) => total + amount, 0)
      expect(sum).toBe(step.creditNote.amount)
    })
  })

  test('a credit note of a payment of ours is answered, or its refund is under way or disputed', () => {
    fc.assert(
      fc.property(caseArbitrary, (about) => {
        const { end } = follow(about)
        const paid = end.ledger.payments.filter(
          (payment) => recordingOf(end.ledger, payment)?.status === 'recorded',
        )
        const isWaiting = paid.some(
          ({ refunds, disputes }) =>
            refunds.some(({ status }) => status === 'pending') ||
            disputes.some(({ status }) => status === 'dispute_opened'),
        )

        if (paid.length === 0 || isWaiting) return
        expect(
          end.ledger.creditNotes.filter(({ refundStatus }) => refundStatus === 'pending'),
        ).toBeEmpty()
      }),
      RUNS,
    )
  })

  test('Lago is told of a lost dispute, once', () => {
    alwaysOnTheWay(({ invoice }, step) => {
      if (step.do === 'lose_dispute') expect(invoice.isDisputeLost).toBe(false)
    })
  })

  test('it does not matter in which order its payments were heard of', () => {
    const reordered = caseArbitrary.chain((about) =>
      fc.record({
        about: fc.constant(about),
        other: shuffled(about.ledger.payments).map((payments) => ({
          ...about,
          ledger: { ...about.ledger, payments },
        })),
      }),
    )
    fc.assert(
      fc.property(reordered, ({ about, other }) => {
        expect(summary(follow(other))).toEqual(summary(follow(about)))
      }),
      RUNS,
    )
  })

  test('it does not matter in which order its attempts and cards are listed', () => {
    const reordered = caseArbitrary.chain((about) =>
      fc.record({
        about: fc.constant(about),
        other: fc
          .record({
            attempts: shuffled(about.ledger.attempts),
            mandates: shuffled(about.ledger.mandates),
          })
          .map((fields) => ({ ...about, ledger: { ...about.ledger, ...fields } })),
      }),
    )
    fc.assert(
      fc.property(reordered, ({ about, other }) => {
        expect(decideOn(other)).toEqual(decideOn(about))
      }),
      RUNS,
    )
  })
})
