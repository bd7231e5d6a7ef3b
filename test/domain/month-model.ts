import * as fc from 'fast-check'

import { isFinal, isLive, type Attempt, type Payment } from '../../src/collect/ledger.ts'
import {
  creditNote,
  HOUR_MS,
  invoice,
  ledger,
  mandate,
  NOW,
  payment,
  refund,
  withParts,
} from './builders.ts'
import { luckArbitrary, policyArbitrary } from './case-arbitrary.ts'
import { creditableOf, withPayments, type Case } from './world-model.ts'

const WHATS = [
  'time passes',
  'a customer comes',
  'a customer comes',
  'a customer pays',
  'a customer pays',
  'a customer pays',
  'a card declines',
  'a bank takes its time',
  'the bank decides',
  'Dodo is done with a refund',
  'the merchant refunds in Dodo',
  'the merchant writes a credit note',
  'the merchant presses Retry',
  'the merchant voids',
  'Lago is paid by hand',
  'Lago is paid in part by hand',
  'a card is saved',
  'a card stops working',
] as const

/** Something that happens to an invoice, and whether we hear of it before the next thing happens. */
export type Happening = {
  what: (typeof WHATS)[number]
  /** Which one, of those that it can happen to. */
  nth: number
  /** How much or how long, in hundredths. */
  part: number
  isHeardOf: boolean
}

/** What becomes of one new invoice in a month. */
export const monthArbitrary = fc.record({
  policy: policyArbitrary,
  luck: luckArbitrary,
  hasCard: fc.boolean(),
  happenings: fc.array(
    fc.record<Happening>({
      what: fc.constantFrom(...WHATS),
      nth: fc.nat({ max: 3 }),
      part: fc.integer({ min: 1, max: 100 }),
      isHeardOf: fc.constantFrom(true, true, true, false),
    }),
    { minLength: 3, maxLength: 25, size: 'max' },
  ),
})

type Month = ReturnType<(typeof monthArbitrary)['generate']>['value']

export const beginOf = ({ policy, luck, hasCard }: Month): Case => ({
  invoice: invoice(),
  ledger: ledger({ mandates: hasCard ? [mandate()] : [] }),
  policy,
  now: NOW,
  luck,
  credited: {},
})

const pick = <Item>(items: readonly Item[], nth: number) => items[nth % items.length]
const given = ({ refunds }: Payment) =>
  refunds
    .filter(({ status }) => status !== 'failed')
    .reduce((sum, { amount }) => sum + (amount ?? 0), 0)

/** What the world is like after something happened in it; what cannot happen does not. */
export function happen(about: Case, { what, nth, part }: Happening): Case {
  const { invoice: of, ledger: held, now } = about
  const change = (fields: Partial<Case['ledger']>): Case => ({
    ...about,
    ledger: withParts({ ...held, ...fields }),
  })
  switch (what) {
    case 'time passes':
      return { ...about, now: new Date(now.getTime() + part * 2 * HOUR_MS) }
    case 'a customer comes':
      return change({ requestedBy: 'customer' })
    case 'a customer pays':
      return pay(about, { status: 'succeeded', errorCode: null }, nth)
    case 'a card declines':
      return pay(about, { status: 'failed', errorCode: 'DO_NOT_HONOR' }, nth)
    case 'a bank takes its time': {
      const status = part > 50 ? 'processing' : 'requires_customer_action'
      return pay(about, { status, errorCode: null }, nth)
    }
    case 'the bank decides':
      return decidePayment(about, nth, part > 30 ? 'succeeded' : 'failed')
    case 'Dodo is done with a refund':
      return finishRefunds(about, part > 20 ? 'succeeded' : 'failed')
    case 'the merchant refunds in Dodo':
      return refundInDodo(about, nth, part)
    case 'the merchant writes a credit note': {
      const amount = Math.floor((creditableOf(about) * part) / 100)
      if (amount === 0 || of.status === 'voided') return about
      const number = `note_${held.creditNotes.length + 1}`
      const note = creditNote({ creditNoteId: number, number, amount })
      return change({ creditNotes: [...held.creditNotes, note] })
    }
    case 'the merchant presses Retry':
      return change({ requestedBy: 'merchant' })
    case 'the merchant voids':
      return part > 70 ? { ...about, invoice: { ...of, status: 'voided' } } : about
    case 'Lago is paid by hand':
      return part > 70 ? { ...about, invoice: { ...of, paymentStatus: 'succeeded' } } : about
    case 'Lago is paid in part by hand':
      return payByHand(about, part)
    case 'a card is saved':
      return change({ mandates: [...held.mandates.filter(isGone), savedAt(now)] })
    case 'a card stops working':
      return change({ mandates: held.mandates.map((one) => ({ ...one, status: 'on_hold' })) })
  }
}

const isGone = ({ dodoSubscriptionId }: { dodoSubscriptionId: string }) =>
  dodoSubscriptionId !== 'sub_1'
const savedAt = (renewedAt: Date) => mandate({ renewedAt })

/** Whoever was ever sent to a checkout may pay there until it expires, whatever we think of it by then. */
const payable = ({ ledger: held, now }: Case) =>
  held.attempts.filter(
    ({ dodoSessionId, handedOutAt, expiresAt, id }) =>
      dodoSessionId !== null &&
      handedOutAt !== null &&
      (expiresAt ?? now) > now &&
      !held.payments.some(
        (one) => one.attemptId === id && one.status !== 'failed' && one.status !== 'cancelled',
      ),
  )

function pay(about: Case, fields: Pick<Payment, 'status' | 'errorCode'>, nth: number): Case {
  const { ledger: held, now } = about
  const at = pick(payable(about), nth)
  if (!at) return about
  const made = payment({
    ...fields,
    dodoPaymentId: `pay_${held.payments.length + 1}`,
    attemptId: at.id,
    amount: at.amount,
    madeAt: now,
    changedAt: now,
    observedAt: now,
    isConfirmed: false,
  })
  return save({ ...about, ledger: withParts({ ...held, payments: [...held.payments, made] }) }, at)
}

/** In automatic collection the card is saved by the payment. */
function save(about: Case, { kind, id }: Attempt): Case {
  const { ledger: held, now } = about
  const isPaid = held.payments.some((one) => one.attemptId === id && one.status === 'succeeded')
  if (kind !== 'mandate' || !isPaid) return about
  return {
    ...about,
    ledger: { ...held, mandates: [...held.mandates.filter(isGone), savedAt(now)] },
  }
}

function decidePayment(about: Case, nth: number, status: string): Case {
  const { ledger: held, now } = about
  const open = pick(
    held.payments.filter((one) => !isFinal(one)),
    nth,
  )
  if (!open) return about
  const errorCode = status === 'failed' ? 'GENERIC_DECLINE' : null
  const decided = withPayments(about, (one) =>
    one === open
      ? { ...one, status, errorCode, changedAt: now, observedAt: now, isConfirmed: false }
      : one,
  )
  const at = held.attempts.find(({ id }) => id === open.attemptId)
  return at ? save(decided, at) : decided
}

const finishRefunds = (about: Case, status: string) =>
  withPayments(about, (one) => ({
    ...one,
    refunds: one.refunds.map((made) => (made.status === 'pending' ? { ...made, status } : made)),
  }))

function refundInDodo(about: Case, nth: number, part: number): Case {
  const paid = about.ledger.payments.filter(
    (one) =>
      one.status === 'succeeded' &&
      given(one) < one.amount &&
      !one.refunds.some(({ status }) => status === 'pending'),
  )
  const chosen = pick(paid, nth)
  if (!chosen) return about
  const left = chosen.amount - given(chosen)
  const made = refund({
    dodoRefundId: `ref_${chosen.dodoPaymentId}_${chosen.refunds.length + 1}`,
    amount: Math.ceil((left * part) / 100),
    status: nth === 0 ? 'pending' : 'succeeded',
    madeAt: about.now,
  })
  return withPayments(about, (one) =>
    one === chosen ? { ...one, refunds: [...one.refunds, made] } : one,
  )
}

function payByHand(about: Case, part: number): Case {
  const { invoice: of } = about
  if (of.status !== 'finalized' || of.paymentStatus === 'succeeded') return about
  const amount = Math.ceil((of.due * part) / 100)
  const due = of.due - amount
  const paymentStatus = due === 0 ? 'succeeded' : of.paymentStatus
  return { ...about, invoice: { ...of, paid: of.paid + amount, due, paymentStatus } }
}

/** The customer who came is sent to what is open by now. */
export function handOut(about: Case): Case {
  const { ledger: held, now } = about
  const isOpen = (one: Attempt) =>
    isLive(one) && one.status === 'live' && one.dodoSessionId !== null
  const attempts =
    held.requestedBy === 'customer'
      ? held.attempts.map((one) => (isOpen(one) ? { ...one, handedOutAt: now } : one))
      : held.attempts
  return { ...about, ledger: { ...held, attempts, requestedBy: null } }
}
