import { whyNotCollected, type Standing } from './collectable.ts'
import { findApplied, isFinal, isLive, type Invoice, type Ledger } from './ledger.ts'
import { formatDodo, formatLago } from './money.ts'

/** Where the invoice stands once nothing is left to do about it for now. */
export function assess(invoice: Invoice, ledger: Ledger, retryAt: Date | undefined): Standing {
  return findTrouble(ledger) ?? findMovement(ledger) ?? findCollection(invoice, ledger, retryAt)
}

/** What a person must look at goes before everything else, also on a paid invoice. */
function findTrouble({ recordings, payments, credits }: Ledger): Standing | undefined {
  const held = recordings.find(({ status }) => status === 'held')
  if (held) {
    const payment = payments.find(({ dodoPaymentId }) => dodoPaymentId === held.dodoPaymentId)
    const amount = payment ? ` of ${formatDodo(payment.amount, payment.currency)}` : ''
    return {
      state: 'attention',
      reason: `payment ${held.dodoPaymentId}${amount} is held, not recorded: ${held.reason ?? held.disposition}`,
    }
  }
  const impossible = credits.find(({ status }) => status === 'impossible')
  if (!impossible) return undefined
  return {
    state: 'attention',
    reason: `refund ${impossible.dodoRefundId} has no credit note: ${impossible.reason ?? 'Lago refused it'}`,
  }
}

function findMovement(ledger: Ledger): Standing | undefined {
  const applied = findApplied(ledger)
  if (applied) return { state: 'paid', reason: `paid with Dodo payment ${applied.dodoPaymentId}` }
  const slow = ledger.payments.find((one) => one.status === 'processing' && one.attemptId !== null)
  if (!slow) return undefined
  return {
    state: 'processing',
    reason: `payment ${slow.dodoPaymentId} is being processed by the bank`,
  }
}

function findCollection(invoice: Invoice, ledger: Ledger, retryAt: Date | undefined): Standing {
  const reason = whyNotCollected(invoice)
  if (reason) return reason
  const last = ledger.attempts.at(-1)
  if (last && isLive(last)) {
    const isUnderWay = ledger.payments.some((one) => one.attemptId === last.id && !isFinal(one))
    const amount = formatLago(last.amount, last.currency)
    const suffix = isUnderWay ? '; the customer is about to pay' : ''
    return { state: 'open', reason: `waiting for the customer to pay ${amount}${suffix}` }
  }
  if (last?.status !== 'declined') {
    return { state: 'open', reason: 'the checkout is over; the pay link opens a new one' }
  }
  const decline = `declined${last.declineCode ? ` (${last.declineCode})` : ''}`
  const next = retryAt
    ? `the next attempt opens at ${retryAt.toISOString()}`
    : 'no retry is left; the pay link or the Retry button start again'
  return { state: 'failed', reason: `${decline}; ${next}` }
}
