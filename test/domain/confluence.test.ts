import { describe, expect, test } from 'bun:test'
import * as fc from 'fast-check'

import type { Payment, Refund } from '../../src/collect/ledger.ts'
import type { Step } from '../../src/billers/lago/decide/steps.ts'
import {
  ago,
  creditNote,
  ended,
  HOUR_MS,
  ledger,
  MINUTE_MS,
  NOW,
  paidInvoice,
  payment,
  policy,
  recording,
  refund,
} from './builders.ts'
import { caseArbitrary } from './case-arbitrary.ts'
import { follow } from './follow.ts'
import { withPayments, type Case } from './world-model.ts'

const RUNS = { numRuns: 2_000 }

const shuffled = <Item>(items: readonly Item[]) =>
  fc.shuffledSubarray([...items], { minLength: items.length })

/** The same facts, however each list of them is ordered. */
const reordered = (about: Case): fc.Arbitrary<Case> => {
  const { ledger: held } = about
  const inside = (one: Payment) =>
    fc
      .record({
        refunds: shuffled(one.refunds),
        disputes: shuffled(one.disputes),
        orders: shuffled(one.orders),
        credited: shuffled(one.credited),
      })
      .map((lists) => ({ ...one, ...lists }))
  return fc
    .record({
      attempts: shuffled(held.attempts),
      recordings: shuffled(held.recordings),
      credits: shuffled(held.credits),
      creditNotes: shuffled(held.creditNotes),
      mandates: shuffled(held.mandates),
      payments: shuffled(held.payments).chain((all) => fc.tuple(...all.map(inside))),
    })
    .map((lists) => ({ ...about, ledger: { ...held, ...lists } }))
}

/** All that an end says of money: asked, recorded, ordered, credited and told. */
function summary({ end, standing }: ReturnType<typeof follow>) {
  const { ledger: held, invoice: shown } = end
  return {
    state: standing.state,
    shown: [shown.paymentStatus, shown.paid, shown.due, shown.isDisputeLost],
    attempts: held.attempts.map(({ number, status }) => `${number} ${status}`).toSorted(),
    recordings: held.recordings
      .map((one) => `${one.dodoPaymentId} ${one.disposition} ${one.status} ${one.amount}`)
      .toSorted(),
    orders: held.payments
      .flatMap(({ orders }) => orders)
      .map(
        ({ dodoPaymentId, creditNoteId, amount, status }) =>
          `${dodoPaymentId} ${creditNoteId} ${amount} ${status}`,
      )
      .toSorted(),
    credits: creditsOf(held),
    notes: end.ledger.creditNotes
      .map(({ creditNoteId, refundStatus }) => `${creditNoteId} ${refundStatus}`)
      .toSorted(),
    metadata: shown.metadata.map(({ key, value }) => `${key} ${value}`).toSorted(),
  }
}

const creditsOf = ({ credits }: Case['ledger']) =>
  credits
    .map((one) => `${one.dodoRefundId} ${one.status} ${one.amount} ${one.toldAt !== null}`)
    .toSorted()

const steadied = ({ refunds, charges }: Case['luck']): Case['luck'] => ({
  refunds: refunds.slice(0, 1),
  charges: charges.slice(0, 1),
})

/** What moves money, or is told to somebody; everything else only looks. */
const LOOKS: readonly Step['do'][] = [
  'read_payment',
  'read_session',
  'look_for_payment',
  'look_at_credit_notes',
  'rest',
]

describe('deciding is confluent', () => {
  test('of two credit notes that cannot both be carried out, the older one is, however they are listed', () => {
    const notes = [
      creditNote({ creditNoteId: 'b', number: 'ACM-1-CN001', amount: 100 }),
      creditNote({ creditNoteId: 'a', number: 'ACM-1-CN002', amount: 10_800 }),
    ]
    const orderedFor = (creditNotes: typeof notes) => {
      const about = { ...paidWith(10_800), ledger: { ...paidWith(10_800).ledger, creditNotes } }
      const orders = follow(about).end.ledger.payments.flatMap(({ orders: all }) => all)
      return orders.map(({ creditNoteId }) => creditNoteId)
    }

    expect(orderedFor(notes)).toEqual(['b'])
    expect(orderedFor(notes.toReversed())).toEqual(['b'])
  })

  test('in whatever order the same facts are listed, all ends the same', () => {
    // What Dodo makes of a call must not depend on how many there were before.
    const steady = caseArbitrary.map((about) => ({ ...about, luck: steadied(about.luck) }))
    const both = steady.chain((about) =>
      fc.record({ about: fc.constant(about), other: reordered(about) }),
    )
    fc.assert(
      fc.property(both, ({ about, other }) => {
        expect(summary(follow(other))).toEqual(summary(follow(about)))
      }),
      RUNS,
    )
  })

  test('in whatever order refunds are heard of, with whatever was credited in between, as much is credited', () => {
    fc.assert(
      fc.property(refundStory, ({ about, refunds, order, isSettledBetween }) => {
        const atOnce = follow(hear(about, refunds))
        const oneByOne = order.reduce<Case>((so, one, nth) => {
          const heard = hear(so, [one])
          return isSettledBetween[nth] ? follow(heard).end : heard
        }, about)
        const late = follow(oneByOne)

        expect(creditedIn(late.end)).toBe(creditedIn(atOnce.end))
        expect(late.standing.state).toBe(atOnce.standing.state)
      }),
      RUNS,
    )
  })
})

describe('deciding is idempotent', () => {
  test('a later look at what is settled only looks: nothing is asked for, ordered, credited or told again', () => {
    fc.assert(
      fc.property(caseArbitrary, fc.constantFrom(1, MINUTE_MS, HOUR_MS / 2), (about, laterMs) => {
        // The second look knows what the first has written down, and may find proof in it.
        const second = follow(after(follow(about), 1))
        // What waits for a time is not what was forgotten.
        const { wakeAt } = second.rest
        fc.pre(!wakeAt || wakeAt.getTime() > second.end.now.getTime() + laterMs)
        const taken: Step['do'][] = []

        const third = follow(after(second, laterMs), (_, step) => taken.push(step.do))

        expect(taken.filter((one) => !LOOKS.includes(one))).toEqual([])
        expect(summary(third)).toEqual(summary(second))
      }),
      RUNS,
    )
  })
})

const after = ({ end }: ReturnType<typeof follow>, ms: number): Case => ({
  ...end,
  now: new Date(end.now.getTime() + ms),
})

/** A payment of which the invoice took all, or only a part, and what the merchant gave back of it in Dodo. */
const refundStory = fc
  .record({
    taken: fc.constantFrom(10_800, 10_800, 5_000),
    amounts: fc.array(fc.constantFrom(100, 700, 2_000, 4_000), { minLength: 2, maxLength: 4 }),
  })
  .chain(({ taken, amounts }) => {
    const refunds = amounts.map((amount, nth) =>
      refund({ dodoRefundId: `ref_${nth}`, amount, madeAt: ago((10 - nth) * MINUTE_MS) }),
    )
    return fc.record({
      about: fc.constant(paidWith(taken)),
      refunds: fc.constant(refunds),
      order: shuffled(refunds),
      isSettledBetween: fc.array(fc.boolean(), {
        minLength: amounts.length,
        maxLength: amounts.length,
      }),
    })
  })

/** What is ordered in between is as fixed as what is credited, so nothing is: too much is held. */
function paidWith(taken: number): Case {
  const total = taken
  const held = ledger({
    attempts: [ended('paid', { amount: 10_800 })],
    payments: [payment({ madeAt: ago(HOUR_MS), changedAt: ago(HOUR_MS) })],
    recordings: [recording({ amount: taken })],
  })
  return {
    invoice: taken === 10_800 ? paidInvoice() : paidInvoice({ total, paid: total }),
    ledger: held,
    policy: policy({ duplicatePayments: 'hold' }),
    luck: { refunds: ['pending'], charges: ['succeeded'] },
    now: NOW,
    credited: {},
  }
}

const hear = (about: Case, heard: readonly Refund[]) =>
  withPayments(about, (one) => ({ ...one, refunds: [...one.refunds, ...heard] }))

/** Which refund it stands for is as fixed as it was made; the sum is what must not depend on it. */
const creditedIn = ({ ledger: held }: Case) =>
  held.credits
    .filter(({ status }) => status === 'credited')
    .reduce((sum, { amount }) => sum + amount, 0)
