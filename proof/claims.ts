import { formatBooks, formatDodo, toBooksMinor, toDodoMinor } from '../src/collect/money.ts'
import type { SandboxDodo } from '../sandbox/dodo/dodo.ts'
import type { SandboxLago } from '../sandbox/lago/lago.ts'

/** Both services' books, as they are and not as an API shows them. */
export type Books = {
  lago: Pick<SandboxLago, 'store' | 'organizationId'>
  dodo: Pick<SandboxDodo, 'store'>
}

/** A rule that was broken, and the story of it: which invoice, payment, refund. */
export type Violation = { rule: string; story: string }

/** What stands under a key of Dodo's metadata, as a text. */
const textOf = (value: string | number | boolean | undefined) => String(value ?? '')

type Claim = (books: Books) => Violation[]

/** What holds of both books at every moment, whatever failed before. */
export const ALWAYS: readonly Claim[] = [
  paidByRealMoney,
  recordedOnce,
  recordedInFull,
  refundedOnce,
  creditedOnce,
  sameCurrency,
  ownOrganisation,
]

/** A reference of Dodo's; what merchants record by hand carries another one. */
const isDodoReference = (reference: string) => reference.startsWith('pay_')

const recordedOf = ({ lago }: Books) =>
  lago.store.payments.filter(({ reference }) => isDodoReference(reference))

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
    if (toDodoMinor(recorded, currency) <= payment.total_amount) return []
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
    const story = `${id} of ${paid} minor units was given back ${sumOf(refunds)} (${listed(refunds)})`
    return sumOf(refunds) > paid ? [{ rule: 'I5', story }] : []
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
    const story = `credit note ${number} of ${formatBooks(wanted, invoice.currency)} was refunded ${sumOf(refunds)} minor units: ${listed(refunds)}`
    return sumOf(refunds) > toDodoMinor(wanted, invoice.currency) ? [{ rule: 'I5', story }] : []
  })
  return [...tooMuch, ...twice, ...beyondNotes]
}

type Refunded = { refund_id: string; created_at: string; amount?: number | null }

const sumOf = (refunds: readonly Refunded[]) =>
  refunds.reduce((total, one) => total + (one.amount ?? 0), 0)

const listed = (refunds: readonly Refunded[]) =>
  refunds.map((one) => `${one.refund_id} at ${one.created_at}`).join(', ')

/** I5: an invoice credits a refund once. */
function creditedOnce({ lago }: Books): Violation[] {
  const alive = lago.store.creditNotes.filter(
    ({ credit_status, metadata }) => credit_status !== 'voided' && metadata?.['dodo_refund_id'],
  )
  const key = (note: (typeof alive)[number]) =>
    `${note.metadata?.['dodo_refund_id']} on ${note.invoice.number}`
  return repeated(alive, key).map(([what, notes]) => ({
    rule: 'I5',
    story: `${what} is credited ${notes.length} times: ${notes.map((one) => one.number).join(', ')}`,
  }))
}

/** I7: nobody is charged in a currency that the invoice is not in, nor in a part of a minor unit. */
function sameCurrency({ lago, dodo }: Books): Violation[] {
  return [...dodo.store.payments.values()].flatMap((payment) => {
    const invoice = lago.store.invoices.get(textOf(payment.metadata['lago_invoice_id']))
    if (!invoice || payment.total_amount === 0) return []
    const isRight =
      payment.currency === invoice.currency &&
      toBooksMinor(payment.total_amount, invoice.currency) !== undefined
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

/**
 * I6, once all has come to rest: money that came in through the bridge stands on an invoice, was given back,
 * or the bridge knows of it. `isExplained` asks the bridge, which is all there is to ask where a Lago without a
 * licence records no payments.
 */
export async function keptSilently(
  { lago, dodo }: Books,
  isExplained: (dodoPaymentId: string, lagoInvoiceId: string) => Promise<boolean>,
): Promise<Violation[]> {
  const found: Violation[] = []
  for (const payment of dodo.store.payments.values()) {
    const { payment_id: id, status, total_amount: amount, metadata } = payment
    const invoice = lago.store.invoices.get(textOf(metadata['lago_invoice_id']))
    if (status !== 'succeeded' || amount === 0 || !invoice) continue
    const isRecorded = lago.store.payments.some(({ reference }) => reference === id)
    const isReturned = [...dodo.store.refunds.values()].some((one) => one.payment_id === id)
    if (isRecorded || isReturned || (await isExplained(id, invoice.lago_id))) continue
    const money = formatDodo(amount, payment.currency)
    const story = `${id} paid ${money} for ${invoice.number} at ${payment.created_at}; it is neither recorded nor given back, and the bridge says nothing of it`
    found.push({ rule: 'I6', story })
  }
  return found
}
