import { formatBooks, formatDodo, isSupportedCurrency, toDodoMinor } from '../collect/money.ts'
import type { Books, BooksSide, Entry, Explanation, Knowledge, Money } from './compare-ledgers.ts'

/** A credit note is rounded once by fee and once by tax; the last of several makes up for them all. */
const ROUNDING_MINOR = 1

/** A currency that cannot be carried over never leaves one service, and so is only ever shown. */
const asDodo = ({ amount, currency }: Money) =>
  isSupportedCurrency(currency) ? toDodoMinor(amount, currency) : amount

/** The books of invoices. */
export const LAGO: Books = {
  name: 'Lago',
  refunds: 'Credits',
  format: formatBooks,
  toDodo: asDodo,
  explain: (entry, isRecent) => {
    const { dodo, books } = entry
    if (dodo && books) return explainMismatch(entry, { dodo, books, isRecent })
    return dodo ? explainMissingInLago(entry, isRecent) : explainMissingInDodo(entry, isRecent)
  },
}

/** Our own, which says what orders took; it counts as Dodo does. */
export const LEDGER: Books = {
  name: 'the ledger',
  refunds: 'Refunds',
  format: formatDodo,
  toDodo: ({ amount }) => amount,
  explain: ({ dodo, books, knowledge }, isRecent) => {
    if (!dodo && !books)
      return ['the bridge saw it succeed, and Dodo does not show it any more', false]
    if (!dodo) return ['the ledger holds it, and Dodo does not show it as succeeded', false]
    if (books) return [dodo.amount === books.amount ? undefined : 'the amounts differ', false]
    if (knowledge.is === 'refused') return [knowledge.why, true]
    return knowledge.is === 'begun'
      ? ['what it counts as is being decided: run reconcile', isRecent]
      : ['not in the ledger yet: run reconcile', isRecent]
  },
}

function explainMissingInLago({ kind, knowledge }: Entry, isRecent: boolean): Explanation {
  const record = kind === 'payment' ? 'recorded' : 'credited'
  switch (knowledge.is) {
    case 'refused':
      return [kind === 'payment' ? `held: ${knowledge.why}` : knowledge.why, true]
    case 'partly':
      if (knowledge.amount === 0) return [knowledge.why, true]
      return [`the bridge has ${record} part of it, and Lago does not show it`, false]
    case 'done':
      return [`the bridge has ${record} it, and Lago does not show it`, false]
    case 'begun':
      return [`being ${record}; whether Lago has done it is not known yet`, isRecent]
    case 'owed':
      return [knowledge.why, true]
    case 'seen':
    case 'unknown': {
      const whose = knowledge.is === 'unknown' ? ', and unknown to the bridge' : ''
      return [`not yet ${record} in Lago${whose}: run reconcile`, isRecent]
    }
  }
}

function explainMissingInDodo(
  { kind, dodoRefundId, books, knowledge }: Entry,
  isRecent: boolean,
): Explanation {
  if (knowledge.is === 'owed') return [knowledge.why, true]
  if (!books) return ['the bridge saw it succeed, and neither service shows it any more', false]
  if (kind === 'refund' && dodoRefundId === null) {
    return ['Lago wants it given back, and the bridge does not know: run reconcile', isRecent]
  }
  return ['Lago holds it, and Dodo does not show it as succeeded', false]
}

function explainMismatch(
  { kind, knowledge, roundings }: Entry,
  { dodo, books, isRecent }: { dodo: Money; books: BooksSide; isRecent: boolean },
): Explanation {
  const { currency } = books
  if (currency !== dodo.currency) {
    return [`Dodo holds it in ${dodo.currency}, Lago in ${currency}`, false]
  }
  const missing = dodo.amount - asDodo(books)
  const isAsKnown = knowledge.is !== 'partly' || knowledge.amount === books.amount
  // A person may have written it down in parts.
  const areParts = missing === 0 && isAsKnown
  if (books.times > 1 && !areParts) return [`Lago holds it ${books.times} times`, false]
  if (missing === 0) return explainAgreement(knowledge)
  if (knowledge.is === 'partly' && books.amount === knowledge.amount) return [knowledge.why, true]

  const most = asDodo({ amount: ROUNDING_MINOR * Math.max(roundings, 1), currency })
  if (kind === 'refund' && Math.abs(missing) <= most && knowledge.is === 'done') {
    return ['Lago rounded the credit note', true]
  }
  const isUnderWay = knowledge.is === 'begun' || knowledge.is === 'seen'
  if (isUnderWay && missing > 0) return ['only part of it is in Lago yet', isRecent]
  return ['the amounts differ', false]
}

/** What a person wrote down by hand, against the bridge's own judgement, is as good. */
const explainAgreement = ({ is }: Knowledge): Explanation => [
  is === 'unknown' || is === 'seen' || is === 'begun'
    ? 'both agree, but the bridge has not noted it: run reconcile'
    : undefined,
  true,
]
