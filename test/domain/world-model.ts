import type { Attempt, Payment, Recording, RefundOrder } from '../../src/collect/ledger.ts'
import type {
  Invoice,
  InvoiceLedger as Ledger,
  InvoicePolicy as Policy,
} from '../../src/billers/lago/decide/invoice.ts'
import { mergeMetadata } from '../../src/billers/lago/decide/metadata.ts'
import { paidElsewhereOf } from '../../src/billers/lago/decide/proof.ts'
import type { Step } from '../../src/billers/lago/decide/steps.ts'
import {
  attempt,
  credit,
  DAY_MS,
  order,
  payment,
  recording,
  refund,
  withParts,
} from './builders.ts'

/** How what we ask of Dodo turns out, in turn and then over again; a word that is no status is a decline. */
export type Luck = {
  refunds: readonly ('succeeded' | 'pending' | 'failed' | 'refused' | 'lost')[]
  charges: readonly string[]
}

/** All that a decision is made on, and what fate has in store. */
export type Case = {
  invoice: Invoice
  ledger: Ledger
  policy: Policy
  now: Date
  luck: Luck
  /** The credit notes that Lago holds for refunds made in Dodo, by refund. */
  credited: Readonly<Record<string, number>>
}

type Taking<Do extends Step['do']> = Extract<Step, { do: Do }>

/** A payment that was made through one of these attempts, for exactly what it asked for. */
export const isOurs =
  (attempts: readonly Attempt[]) =>
  ({ attemptId, status, amount, currency }: Payment) =>
    status === 'succeeded' &&
    attempts.some(
      (one) => one.id === attemptId && one.amount === amount && one.currency === currency,
    )

/** What is true after a step, if every call does what it says: Lago and Dodo at their simplest. */
export function apply(about: Case, step: Step): Case {
  const { invoice, ledger: held, now } = about
  switch (step.do) {
    case 'read_payment': {
      const isIt = ({ dodoPaymentId }: Payment) => dodoPaymentId === step.dodoPaymentId
      return withPayments(about, (one) =>
        isIt(one) ? { ...one, observedAt: now, isConfirmed: true } : one,
      )
    }
    case 'read_session':
      return withAttempt(about, { ...step.attempt, lookedAt: now })
    case 'end_attempt': {
      const { status, at, declineCode = null } = step.end
      return withAttempt(about, { ...step.attempt, status, endedAt: at, declineCode })
    }
    case 'open_checkout':
      return open(about, step)
    case 'charge_mandate':
      return charge(about, step)
    case 'record_payment':
      return record(about, step.payment, step.amount)
    case 'hold_payment':
      return hold(about, step.payment, step.disposition)
    case 'look_for_payment':
      return lookForPayment(about, step.recording)
    case 'drop_order':
      return withPayments(about, (one) => ({
        ...one,
        orders: one.orders.filter(({ id }) => id !== step.order.id),
      }))
    case 'look_at_credit_notes':
      return { ...about, ledger: { ...held, notesLookedAt: now } }
    case 'take_credit_note':
      return takeCreditNote(about, step)
    case 'lose_dispute':
      return { ...about, invoice: { ...invoice, isDisputeLost: true } }
    case 'order_refund':
      return orderRefund(about, step)
    case 'answer_credit_note':
      return answerCreditNote(about, step)
    case 'credit_refund':
      return creditRefund(about, step)
    case 'tell_credit': {
      const credits = held.credits.map((one) =>
        one.dodoRefundId === step.dodoRefundId ? { ...one, toldAt: now } : one,
      )
      return { ...about, ledger: { ...held, credits } }
    }
    case 'reverse_credit': {
      const credits = held.credits.map((one) =>
        one.dodoRefundId === step.dodoRefundId && one.status === 'credited'
          ? { ...one, status: 'reversed' as const }
          : one,
      )
      const isOf = (name: string) => name.startsWith(`${step.dodoRefundId}/`)
      const credited = Object.fromEntries(
        Object.entries(about.credited).map(([name, amount]) => [name, isOf(name) ? 0 : amount]),
      )
      return { ...about, credited, ledger: withParts({ ...held, credits }) }
    }
    case 'mark_paid':
      return { ...about, invoice: { ...invoice, paymentStatus: 'succeeded' } }
    case 'mark_failed':
      return { ...about, invoice: { ...invoice, paymentStatus: 'failed' } }
    case 'write_metadata': {
      const metadata = mergeMetadata(invoice.metadata, step.entries) ?? invoice.metadata
      const known = metadata.map((entry) => ({ id: `id of ${entry.key}`, ...entry }))
      return { ...about, invoice: { ...invoice, metadata: known } }
    }
    case 'rest':
      return about
  }
}

function open(about: Case, { kind, resume, cause, retryIndex }: Taking<'open_checkout'>): Case {
  const { invoice, ledger: held, now } = about
  const opened = attempt({
    number: resume?.number ?? held.attempts.length + 1,
    kind,
    cause,
    retryIndex,
    amount: invoice.due,
    startedAt: now,
    lookedAt: now,
    expiresAt: new Date(now.getTime() + DAY_MS),
  })
  return withAttempt(about, opened)
}

function charge(about: Case, step: Taking<'charge_mandate'>): Case {
  const { invoice, ledger: held, luck, now } = about
  const { resume, isWanted, cause, retryIndex, mandate } = step
  if (!isWanted || !mandate) {
    return resume ? withAttempt(about, { ...resume, status: 'superseded', endedAt: now }) : about
  }
  const number = resume?.number ?? held.attempts.length + 1
  const { dodoSubscriptionId } = mandate
  const begun = attempt({
    number,
    kind: 'charge',
    cause,
    retryIndex,
    status: 'unknown',
    amount: invoice.due,
    dodoSessionId: null,
    dodoSubscriptionId,
    startedAt: resume?.startedAt ?? now,
    expiresAt: null,
    lookedAt: null,
    repeatableAt: now,
  })
  const outcome = luck.charges[(number - 1) % luck.charges.length]
  if (outcome === 'lost' && !resume) return withAttempt(about, begun)
  if (outcome === 'refused') {
    const mandates = held.mandates.map((one) =>
      one.dodoSubscriptionId === dodoSubscriptionId ? { ...one, refusal: 'inactive' } : one,
    )
    const refused = { ...about, ledger: { ...held, mandates } }
    return withAttempt(refused, { ...begun, status: 'superseded', endedAt: now })
  }
  const status = ['succeeded', 'processing'].includes(outcome ?? '') ? (outcome ?? '') : 'failed'
  const made = payment({
    dodoPaymentId: `pay_of_${begun.id}`,
    attemptId: begun.id,
    status: outcome === 'lost' ? 'succeeded' : status,
    amount: invoice.due,
    errorCode: status === 'failed' ? (outcome ?? null) : null,
    madeAt: now,
    changedAt: now,
    observedAt: now,
  })
  const charged = withAttempt(about, { ...begun, status: 'live', lookedAt: now })
  const payments = [...charged.ledger.payments, made]
  // Who asked has got what they asked for, whatever comes of it.
  const known = { ...charged.ledger, payments, requestedBy: null }
  return { ...charged, ledger: withParts(known) }
}

/** Lago records only what is still due on a finalised invoice, and is paid when nothing is. */
function record(about: Case, made: Payment, amount: number): Case {
  const { invoice, policy } = about
  const { due, paymentStatus } = invoice
  if (paymentStatus === 'succeeded' || invoice.status !== 'finalized' || amount > due) {
    return hold(about, made, 'duplicate')
  }
  const done = { dodoPaymentId: made.dodoPaymentId, amount }
  if (policy.isFreeLicense) {
    if (amount !== due) return hold(about, made, 'mismatch')
    const marked = { ...about, invoice: { ...invoice, paymentStatus: 'succeeded' } }
    return withRecording(marked, { ...done, through: 'status' })
  }
  const isWhole = amount === due
  const recorded = {
    ...invoice,
    paid: invoice.paid + amount,
    due: due - amount,
    paymentStatus: isWhole ? 'succeeded' : paymentStatus,
  }
  return withRecording({ ...about, invoice: recorded }, done)
}

const hold = (about: Case, { dodoPaymentId }: Payment, disposition: Recording['disposition']) =>
  withRecording(about, { dodoPaymentId, disposition, status: 'held', amount: 0 })

/** Dodo gives back once at a time and never more than was paid; anything else is a fault of ours. */
function orderRefund(about: Case, step: Taking<'order_refund'>): Case {
  const { luck, now } = about
  const { dodoPaymentId, orders, refunds, amount: paid } = step.payment
  const count = about.ledger.payments.flatMap((one) => one.orders).length
  const outcome = luck.refunds[(step.resume ? count - 1 : count) % luck.refunds.length]
  const placed: RefundOrder =
    step.resume ??
    order({
      id: `order_${count + 1}`,
      dodoPaymentId,
      creditNoteId: step.creditNote?.creditNoteId ?? null,
      cause: step.cause,
      amount: step.amount,
      dodoRefundId: null,
    })
  const isLost = outcome === 'lost' && !step.resume
  const made = refund({
    dodoRefundId: `ref_of_${placed.id}`,
    amount: placed.amount,
    status: outcome === 'pending' || outcome === 'failed' ? outcome : 'succeeded',
    madeAt: now,
  })
  const changed: RefundOrder = isLost
    ? { ...placed, status: 'unknown' }
    : outcome === 'refused'
      ? { ...placed, status: 'refused', reason: 'the refund window is over' }
      : { ...placed, status: 'accepted', dodoRefundId: made.dodoRefundId }
  const isMade = changed.status === 'accepted'
  const given = refunds.filter(({ status }) => status !== 'failed')
  const sum = given.reduce((total, one) => total + (one.amount ?? 0), 0)
  if (isMade && sum + placed.amount > paid) throw new Error('more than was paid is given back')
  if (isMade && given.some(({ status }) => status === 'pending'))
    throw new Error('Dodo is busy with another refund of the payment')
  return withPayments(about, (one) =>
    one.dodoPaymentId === dodoPaymentId
      ? {
          ...one,
          orders: [...orders.filter(({ id }) => id !== changed.id), changed],
          refunds: isMade ? [...refunds, made] : refunds,
        }
      : one,
  )
}

/** Whatever Lago counts from elsewhere was written down by somebody who had other money. */
function lookForPayment(about: Case, { dodoPaymentId, ...known }: Recording): Case {
  const elsewhere = paidElsewhereOf(about.invoice, about.ledger)
  const looked = { ...known, dodoPaymentId, lookedAt: about.now, elsewhere }
  return withRecording(about, looked)
}

function takeCreditNote(about: Case, step: Taking<'take_credit_note'>): Case {
  const { ledger: held } = about
  const { uncredited, creditNoteId } = step
  const { refund: made, sequence, amount } = uncredited
  const { dodoRefundId } = made
  const isNote = held.creditNotes.some((one) => one.creditNoteId === creditNoteId)
  const creditNotes = held.creditNotes.map((one) =>
    one.creditNoteId === creditNoteId ? { ...one, refundStatus: 'succeeded' } : one,
  )
  const others = held.credits.filter(
    (one) => one.dodoRefundId !== dodoRefundId || one.sequence !== sequence,
  )
  const credits = [...others, credit({ dodoRefundId, sequence, amount, creditNoteId })]
  const credited = isNote
    ? about.credited
    : { ...about.credited, [`${dodoRefundId}/${sequence}`]: amount }
  return { ...about, credited, ledger: withParts({ ...held, creditNotes, credits }) }
}

function answerCreditNote(about: Case, step: Taking<'answer_credit_note'>): Case {
  const { ledger: held } = about
  const { creditNote, outcome, reason, refunds } = step
  const creditNotes = held.creditNotes.map((one) =>
    one.creditNoteId === creditNote.creditNoteId ? { ...one, refundStatus: outcome, reason } : one,
  )
  const credits = refunds.map(({ dodoRefundId, amount }) =>
    credit({ dodoRefundId, amount, creditNoteId: creditNote.creditNoteId }),
  )
  const known = { ...held, creditNotes, credits: [...held.credits, ...credits] }
  return { ...about, ledger: withParts(known) }
}

/** A free Lago has no credit notes, and none gives back more than was paid. */
function creditRefund(about: Case, step: Taking<'credit_refund'>): Case {
  const { ledger: held, policy } = about
  const { dodoRefundId } = step.refund
  const { amount, sequence } = step
  const others = held.credits.filter(
    (one) => one.dodoRefundId !== dodoRefundId || one.sequence !== sequence,
  )
  const name = `${dodoRefundId}/${sequence}`
  const isTooMuch = step.amount > creditableOf(about)
  const done =
    policy.isFreeLicense || isTooMuch
      ? credit({
          dodoRefundId,
          sequence,
          amount,
          creditNoteId: null,
          status: 'impossible',
          reason: isTooMuch ? 'more than was paid' : 'no licence',
          needsLicense: policy.isFreeLicense,
        })
      : credit({ dodoRefundId, sequence, amount, creditNoteId: `note of ${name}` })
  const credited =
    done.status === 'credited' ? { ...about.credited, [name]: amount } : about.credited
  return { ...about, credited, ledger: withParts({ ...held, credits: [...others, done] }) }
}

/** What Lago still takes credit notes for. */
export function creditableOf({ invoice, ledger: held, credited }: Case): number {
  const noted = held.creditNotes
    .filter(({ refundStatus }) => refundStatus !== 'failed')
    .reduce((sum, { amount }) => sum + amount, 0)
  const ours = Object.values(credited).reduce((sum, amount) => sum + amount, 0)
  return Math.max(invoice.paid - noted - ours, 0)
}

/** The same with every payment as it is now. */
export function withPayments(about: Case, change: (one: Payment) => Payment): Case {
  const { ledger: held } = about
  return { ...about, ledger: withParts({ ...held, payments: held.payments.map(change) }) }
}

function withRecording(about: Case, fields: Partial<Recording>): Case {
  const { ledger: held } = about
  const others = held.recordings.filter((one) => one.dodoPaymentId !== fields.dodoPaymentId)
  const recordings = [...others, recording(fields)]
  return { ...about, ledger: withParts({ ...held, recordings }) }
}

function withAttempt(about: Case, changed: Attempt): Case {
  const { ledger: held } = about
  const others = held.attempts.filter(({ number }) => number !== changed.number)
  const attempts = [...others, changed].toSorted((one, other) => one.number - other.number)
  return { ...about, ledger: withParts({ ...held, attempts }) }
}
