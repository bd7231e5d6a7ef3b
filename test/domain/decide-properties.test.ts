import { describe, expect, test } from 'bun:test'
import * as fc from 'fast-check'

import { whyNotCollected } from '../../src/domain/collectable.ts'
import { decide, type Step } from '../../src/domain/decide.ts'
import { isFinal, isLive } from '../../src/domain/ledger.ts'
import { NOW, policy } from './builders.ts'
import { apply, caseArbitrary, isOurs, type Case } from './world-model.ts'

const RUNS = { numRuns: 3_000 }
const MAX_STEPS = 20

const decideOn = ({ invoice, ledger }: Case) => decide(invoice, ledger, policy(), NOW)
const always = (check: (about: Case, step: Step) => void) =>
  fc.assert(
    fc.property(caseArbitrary, (about) => check(about, decideOn(about))),
    RUNS,
  )

/** Takes steps until nothing is left to do, and shows every state on the way. */
function follow(about: Case, look: (about: Case, step: Step) => void = () => undefined) {
  let current = about
  for (let taken = 0; taken <= MAX_STEPS; taken += 1) {
    const step = decideOn(current)
    look(current, step)
    if (step.do === 'rest') return { end: current, standing: step.standing }
    current = apply(current, step)
  }
  throw new Error(`still not at rest after ${MAX_STEPS} steps`)
}

const shuffled = <Item>(items: readonly Item[]) =>
  fc.shuffledSubarray([...items], { minLength: items.length })
const summary = ({ end, standing }: ReturnType<typeof follow>) => ({
  state: standing.state,
  paymentStatus: end.invoice.paymentStatus,
  attempts: end.ledger.attempts.map(({ number, status }) => `${number} ${status}`).toSorted(),
  recordings: end.ledger.recordings
    .map(({ dodoPaymentId, status }) => `${dodoPaymentId} ${status}`)
    .toSorted(),
})

describe('whatever has happened to an invoice', () => {
  test('no checkout is opened while a payment of ours may still succeed', () => {
    always(({ ledger }, step) => {
      if (step.do !== 'open_checkout') return
      for (const payment of ledger.payments) {
        const attempt = ledger.attempts.find(({ id }) => id === payment.attemptId)
        if (!attempt) continue
        expect(payment.status).not.toBe('processing')
        expect(isLive(attempt) && !isFinal(payment)).toBe(false)
      }
    })
  })

  test('no checkout is opened once money was recorded or held', () => {
    always(({ ledger }, step) => {
      if (step.do === 'open_checkout') expect(ledger.recordings).toBeEmpty()
    })
  })

  test('no checkout is opened for an invoice that is not ours to collect', () => {
    always(({ invoice }, step) => {
      if (step.do !== 'open_checkout') return
      expect(whyNotCollected(invoice)).toBeUndefined()
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

  test('no payment is recorded that was not made through an attempt of ours, for exactly its amount', () => {
    always(({ ledger }, step) => {
      if (step.do !== 'record_payment') return
      expect(isOurs(ledger.attempts)(step.payment)).toBe(true)
    })
  })

  test('no payment is begun to be recorded on a void invoice, nor beside another', () => {
    always(({ invoice, ledger }, step) => {
      if (step.do !== 'record_payment' || ledger.recordings.length > 0) return
      expect(invoice.status).not.toBe('voided')
    })
    fc.assert(
      fc.property(caseArbitrary, (about) => {
        const { end } = follow(about)
        const applied = end.ledger.recordings.filter(({ disposition }) => disposition === 'applied')

        expect(applied.length).toBeLessThanOrEqual(1)
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
    fc.assert(
      fc.property(caseArbitrary, (about) => {
        follow(about, ({ ledger }) => {
          expect(ledger.attempts.filter(isLive).length).toBeLessThanOrEqual(1)
        })
      }),
      RUNS,
    )
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

  test('an invoice with held money wants attention', () => {
    fc.assert(
      fc.property(caseArbitrary, (about) => {
        const { end, standing } = follow(about)
        const isHeld = end.ledger.recordings.some(({ status }) => status === 'held')

        if (isHeld) expect(standing.state).toBe('attention')
        expect(standing.reason).not.toBe('')
      }),
      RUNS,
    )
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

  test('it does not matter in which order its attempts are listed', () => {
    const reordered = caseArbitrary.chain((about) =>
      fc.record({
        about: fc.constant(about),
        other: shuffled(about.ledger.attempts).map((attempts) => ({
          ...about,
          ledger: { ...about.ledger, attempts },
        })),
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
