import { formatBooks, formatDodo } from '../src/collect/money.ts'
import { recordedOf, refundsNamedBy, sumOf, textOf, type Books, type Violation } from './books.ts'
import { receivableNamed } from './sent.ts'
import { toLago, toDodo } from './units.ts'

type Claim = (books: Books) => Violation[]

/** What holds of both books at every moment, whatever failed before. */
export const ALWAYS: readonly Claim[] = [
  paidByRealMoney,
  recordedOnce,
  recordedInFull,
  refundedOnce,
  creditedOnce,
  sameCurrency,
  wholeUnits,
  chargedOnceAtATime,
  ownOrganisation,
]

/** The same of a Dodo account that collects for orders only, of which Lago holds nothing. */
export const OF_ACCOUNTS: readonly Claim[] = [refundedOnce, wholeUnits, chargedOnceAtATime]

const ordersOf = (books: Books) =>
  [...Map.groupBy(recordedOf(books), ({ reference }) => reference)].map(([reference, records]) => ({
    reference,
    records,
  }))

/** I4: a recorded payment is a succeeded one, made through an attempt that the bridge opened. */
function paidByRealMoney(books: Books): Violation[] {
  return recordedOf(books).flatMap(({ reference, invoice }) => {
    const payment = books.dodo.store.payments.get(reference)
    const say = (what: string) => [
      { rule: 'I4', story: `${invoice.number} was recorded as paid with ${reference}, ${what}` },
    ]
    if (!payment) return say('which Dodo does not know')
    if (payment.status !== 'succeeded') return say(`which is ${payment.status} in Dodo`)
    if (!payment.metadata['bridge_attempt']) return say('which no attempt of the bridge made')
    return payment.currency === invoice.currency
      ? []
      : say(`which is in ${payment.currency}, not in ${invoice.currency}`)
  })
}

/** I5: an invoice takes a payment once. */
function recordedOnce(books: Books): Violation[] {
  return ordersOf(books).flatMap(({ reference, records }) =>
    [...Map.groupBy(records, ({ invoice }) => invoice)]
      .filter(([, twice]) => twice.length > 1)
      .map(([invoice, twice]) => ({
        rule: 'I5',
        story: `${reference} is recorded ${twice.length} times on ${invoice.number}: ${twice
          .map((one) => `${formatBooks(one.amount_cents, invoice.currency)} at ${one.created_at}`)
          .join(', ')}`,
      })),
  )
}

/** I4: no more is recorded of a payment than was paid. */
function recordedInFull(books: Books): Violation[] {
  return ordersOf(books).flatMap(({ reference, records }) => {
    const payment = books.dodo.store.payments.get(reference)
    const currency = records[0]?.invoice.currency
    if (!payment || !currency) return []
    const recorded = records.reduce((total, one) => total + one.amount_cents, 0)
    if (toDodo(recorded, currency) <= payment.total_amount) return []
    const paid = formatDodo(payment.total_amount, payment.currency)
    const story = `${reference} paid ${paid}, and ${formatBooks(recorded, currency)} of it are recorded`
    return [{ rule: 'I4', story }]
  })
}

/** I5: no more leaves Dodo than came in, an order is carried out once, a credit note to its amount. */
function refundedOnce({ lago, dodo }: Books): Violation[] {
  const alive = [...dodo.store.refunds.values()].filter(({ status }) => status !== 'failed')
  const tooMuch = [...Map.groupBy(alive, (one) => one.payment_id)].flatMap(([id, refunds]) => {
    const paid = dodo.store.payments.get(id)?.total_amount ?? 0
    const story = `${id} of ${paid} minor units was given back ${refundedBy(refunds)} (${listed(refunds)})`
    return refundedBy(refunds) > paid ? [{ rule: 'I5', story }] : []
  })
  const twice = repeated(alive, (one) => textOf(one.metadata?.['bridge_refund'])).map(
    ([order, all]) => ({
      rule: 'I5',
      story: `order ${order} was refunded ${all.length} times: ${listed(all)}`,
    }),
  )
  const beyondNotes = lago.store.creditNotes.flatMap((note) => {
    const refunds = alive.filter((one) => one.metadata?.['lago_credit_note_id'] === note.lago_id)
    const { refund_amount_cents: wanted, invoice, number } = note
    const story = `credit note ${number} of ${formatBooks(wanted, invoice.currency)} was refunded ${refundedBy(refunds)} minor units: ${listed(refunds)}`
    return refundedBy(refunds) > toDodo(wanted, invoice.currency) ? [{ rule: 'I5', story }] : []
  })
  return [...tooMuch, ...twice, ...beyondNotes]
}

type Refunded = { refund_id: string; created_at: string; amount?: number | null }

const refundedBy = (refunds: readonly Refunded[]) => sumOf(refunds.map(({ amount }) => amount))

const listed = (refunds: readonly Refunded[]) =>
  refunds.map((one) => `${one.refund_id} at ${one.created_at}`).join(', ')

/** I5: an invoice credits a refund once, and all of them together not more than was given back. */
function creditedOnce({ lago, dodo }: Books): Violation[] {
  const alive = lago.store.creditNotes.filter(({ credit_status }) => credit_status !== 'voided')
  const named = alive.flatMap((note) =>
    refundsNamedBy(note).map((refundId) => ({ refundId, note })),
  )
  const twice = repeated(
    named.filter(({ note }) => refundsNamedBy(note).length === 1),
    ({ refundId, note }) => `${refundId} on ${note.invoice.number}`,
  )
    // A refund of which more turned out to be for the invoice has another note for the rest.
    .filter(([, notes]) =>
      isBeyond(
        notes.map(({ note }) => note),
        notes[0]?.refundId,
      ),
    )
    .map(([what, notes]) => ({
      rule: 'I5',
      story: `${what} is credited ${notes.length} times: ${notes.map(({ note }) => note.number).join(', ')}`,
    }))
  const beyond = [...Map.groupBy(named, ({ refundId }) => refundId)].flatMap(([refundId, notes]) =>
    isBeyond(
      notes.map(({ note }) => note).filter((note) => refundsNamedBy(note).length === 1),
      refundId,
    )
      ? [
          {
            rule: 'I10',
            story: `more is credited than ${refundId} gave back: ${notes.map(({ note }) => note.number).join(', ')}`,
          },
        ]
      : [],
  )
  return [...twice, ...beyond]

  function isBeyond(notes: readonly Noted[], refundId: string | undefined): boolean {
    const refund = dodo.store.refunds.get(refundId ?? '')
    const [first] = notes
    if (!refund || !first) return false
    const credited = toDodo(
      sumOf(notes.map((one) => one.refund_amount_cents)),
      first.invoice.currency,
    )
    // Lago's rounding of tax may put each note a unit off.
    return credited > (refund.amount ?? 0) + toDodo(notes.length, first.invoice.currency)
  }
}

type Noted = { refund_amount_cents: number; invoice: { currency: string } }

/** I7: amounts are whole minor units, in both books. */
function wholeUnits({ lago, dodo }: Books): Violation[] {
  const amounts = [
    ...lago.store.payments.map((one) => [one.reference, one.amount_cents] as const),
    ...lago.store.creditNotes.map((one) => [one.number, one.refund_amount_cents] as const),
    ...[...dodo.store.payments.values()].map((one) => [one.payment_id, one.total_amount] as const),
    ...[...dodo.store.refunds.values()].map((one) => [one.refund_id, one.amount ?? 0] as const),
  ]
  return amounts
    .filter(([, amount]) => !Number.isSafeInteger(amount) || amount < 0)
    .map(([what, amount]) => ({ rule: 'I7', story: `${what} is of ${amount} minor units` }))
}

/** I2: an invoice is charged once at a time. */
function chargedOnceAtATime({ dodo }: Books): Violation[] {
  const unfinished = [...dodo.store.payments.values()].filter(
    ({ status, subscription_id, checkout_session_id, metadata }) =>
      subscription_id &&
      !checkout_session_id &&
      metadata['bridge_attempt'] &&
      status === 'processing',
  )
  return repeated(unfinished, ({ metadata }) => receivableNamed(metadata)).map(
    ([invoiceId, all]) => ({
      rule: 'I2',
      story: `${invoiceId} is charged ${all.length} times at once: ${all.map((one) => one.payment_id).join(', ')}`,
    }),
  )
}

/** I7: nobody is charged in a currency that the invoice is not in, nor in a part of a minor unit. */
function sameCurrency({ lago, dodo }: Books): Violation[] {
  return [...dodo.store.payments.values()].flatMap((payment) => {
    const invoice = lago.store.invoices.get(textOf(payment.metadata['lago_invoice_id']))
    if (!invoice || payment.total_amount === 0) return []
    const isRight =
      payment.currency === invoice.currency &&
      toLago(payment.total_amount, invoice.currency) !== undefined
    const story = `${payment.payment_id} asks for ${payment.total_amount} minor units of ${payment.currency}; ${invoice.number} is in ${invoice.currency}`
    return isRight ? [] : [{ rule: 'I7', story }]
  })
}

/** I11: another organisation's payment is nothing to this one's books. */
function ownOrganisation(books: Books): Violation[] {
  return recordedOf(books).flatMap(({ reference, invoice }) => {
    const { metadata = {} } = books.dodo.store.payments.get(reference) ?? {}
    const owner = metadata['lago_organization_id'] ?? books.lago.organizationId
    const story = `${reference} belongs to organisation ${owner}, and is recorded on ${invoice.number}`
    return owner === books.lago.organizationId ? [] : [{ rule: 'I11', story }]
  })
}

/** Those that share a key with another one. */
function repeated<One>(all: readonly One[], keyOf: (one: One) => string | undefined | null) {
  const keyed = all.filter((one) => keyOf(one))
  return [...Map.groupBy(keyed, keyOf)].filter(([, group]) => group.length > 1)
}
