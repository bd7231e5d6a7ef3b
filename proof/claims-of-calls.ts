import { amountsOf } from '../sandbox/lago/store/amounts.ts'
import { formatBooks } from '../src/collect/money.ts'
import {
  aliveRefundsOf,
  invoicesOf,
  ownMoney,
  recordedOf,
  sumOf,
  textOf,
  type Books,
  type Violation,
} from './books.ts'
import { toDodo } from './units.ts'
import { askedFor, creationOf, part, type Sent } from './sent.ts'

type CallClaim = (books: Books, sent: Sent) => Violation[]

/** What holds of every request as it leaves the bridge, by what is true at that moment. */
export const OF_CALLS: readonly CallClaim[] = [
  markedByRealMoney,
  givenBackWithProof,
  touchesNoStranger,
  asksInWholeUnits,
]

/**
 * I4, where no payment is recorded: an invoice is said to be paid only if Dodo holds a succeeded payment for all that is
 * due on it.
 */
function markedByRealMoney(books: Books, { service, method, path, body }: Sent): Violation[] {
  const [, id] = /\/invoices\/([^/]+)$/.exec(path) ?? []
  const isMark = part(body, 'invoice')['payment_status'] === 'succeeded'
  const invoice = books.lago.store.invoices.get(id ?? '')
  if (service !== 'lago' || method !== 'PUT' || !isMark || !invoice) return []
  const { due, total, offset } = amountsOf(invoice, books.lago.store)
  const isRecorded = recordedOf(books).some((one) => one.invoice === invoice)
  if (isRecorded && invoice.total_paid_amount_cents + offset === total) return []
  const isEnough = ownMoney(books).some((payment) => {
    const invoices = invoicesOf(books, payment)
    if (!invoices.includes(invoice) || payment.currency !== invoice.currency) return false
    const wanted = toDodo(due, invoice.currency)
    return invoices.length > 1 ? payment.total_amount >= wanted : payment.total_amount === wanted
  })
  const story = `${invoice.number} is said to be paid, of which ${formatBooks(due, invoice.currency)} are due, and Dodo holds no such payment`
  return isEnough ? [] : [{ rule: 'I4', story }]
}

/**
 * I9: what goes back without anybody's asking leaves the invoice its money: what other money it has, and what is
 * recorded of this payment, makes up its total. A void invoice wants none.
 */
function givenBackWithProof(books: Books, sent: Sent): Violation[] {
  const creation = creationOf(sent)
  const metadata = part(sent.body, 'metadata')
  const isAsked = metadata['lago_credit_note_id'] ?? metadata['bridge_refund_request']
  const payment = books.dodo.store.payments.get(textOf(sent.body['payment_id']))
  if (creation?.what !== 'refund' || isAsked || !payment || metadata['bridge_order']) return []
  const [invoice, ...others] = invoicesOf(books, payment)
  if (!invoice) return []
  const recorded = recordedOf(books).filter(({ reference }) => reference === payment.payment_id)
  const taken = toDodo(sumOf(recorded.map((one) => one.amount_cents)), payment.currency)
  const amount = amountOf(
    sent,
    payment.total_amount -
      sumOf(aliveRefundsOf(books, payment.payment_id).map((one) => one.amount)),
  )
  const spare = payment.total_amount - taken
  const say = (what: string) => [
    {
      rule: 'I9',
      story: `${amount} minor units of ${payment.payment_id} go back by policy, ${what} (${invoice.number})`,
    },
  ]
  if (amount > spare) return say(`and only ${spare} of it are taken by no invoice`)
  if (others.length > 0 || invoice.status === 'voided') return []
  const missing = Math.max(0, totalOf(books, invoice) - taken - otherMoney(books, invoice, payment))
  return amount > spare - missing
    ? say(`and the invoice has not enough other money: ${missing} are missing`)
    : []
}

type Invoice = ReturnType<typeof invoicesOf>[number]
type Payment = ReturnType<typeof ownMoney>[number]

const totalOf = ({ lago }: Books, invoice: Invoice) =>
  toDodo(amountsOf(invoice, lago.store).total, invoice.currency)

/** In Dodo's minor units: what the invoice has beside this payment. */
function otherMoney({ lago }: Books, invoice: Invoice, payment: Payment): number {
  const share = payment.total_amount
  const books = lago.store.payments
    .filter((one) => one.invoice === invoice && one.reference !== payment.payment_id)
    // The very amount, written down after it was made, may be this payment under another name.
    .filter(
      (one) =>
        one.reference.startsWith('pay_') ||
        Date.parse(one.created_at) <= Date.parse(payment.created_at) ||
        toDodo(one.amount_cents, invoice.currency) !== share,
    )
  const { offset } = amountsOf(invoice, lago.store)
  const isMarked = invoice.payment_status === 'succeeded' && invoice.total_paid_amount_cents === 0
  const markedBy = invoice.metadata.find(({ key }) => key === 'dodo_payment_id')?.value
  const marked =
    isMarked && markedBy !== payment.payment_id ? amountsOf(invoice, lago.store).total : 0
  const inBooks = sumOf(books.map((one) => one.amount_cents)) + offset + marked
  return toDodo(inBooks, invoice.currency)
}

/** What a refund asks for: of its items, or all that is left. */
function amountOf({ body }: Sent, rest: number): number {
  const items = body['items']
  if (!Array.isArray(items)) return rest
  return sumOf(items.map((one: { amount?: number }) => one.amount))
}

/** I11: nothing at Dodo that is marked as another organisation's is charged, changed or given back. */
function touchesNoStranger(
  { lago, dodo }: Books,
  { service, method, path, body }: Sent,
): Violation[] {
  if (service !== 'dodo' || method === 'GET') return []
  const { customers, payments, products, subscriptions } = dodo.store
  const id = path.split('/')[2] ?? ''
  const cart = body['product_cart']
  const productId = Array.isArray(cart)
    ? textOf((cart[0] as { product_id?: unknown } | undefined)?.product_id)
    : ''
  const touched = [
    path.startsWith('/subscriptions/') ? subscriptions.get(id) : undefined,
    path.startsWith('/customers/') ? customers.get(id) : undefined,
    path.startsWith('/products/') ? products.get(id) : undefined,
    payments.get(textOf(body['payment_id'])),
    customers.get(textOf(part(body, 'customer')['customer_id'])),
    products.get(productId),
  ]
  return touched.flatMap((one) => {
    const owner = one?.metadata?.['lago_organization_id'] ?? lago.organizationId
    const story = `${method} ${path} is about something of organisation ${textOf(owner)}`
    return owner === lago.organizationId ? [] : [{ rule: 'I11', story }]
  })
}

const AMOUNTS = new Set(['amount', 'amount_cents', 'price', 'product_price', 'refund_amount_cents'])

/**
 * I7: no request asks for a part of a minor unit, nor for less than nothing. The fees of a credit note are Lago's own
 * decimals, of which it makes whole units.
 */
function asksInWholeUnits(_books: Books, { service, method, path, body }: Sent): Violation[] {
  if (method === 'GET') return []
  const wrong: string[] = []
  const look = (value: unknown) => {
    if (Array.isArray(value)) value.forEach(look)
    else if (typeof value === 'object' && value !== null)
      for (const [key, inner] of Object.entries(value)) {
        const isAmount = AMOUNTS.has(key) && typeof inner === 'number'
        if (isAmount && (!Number.isSafeInteger(inner) || inner < 0)) wrong.push(`${key} ${inner}`)
        if (key !== 'items' || service === 'dodo') look(inner)
      }
  }
  look(body)
  return wrong.map((one) => ({ rule: 'I7', story: `${method} ${path} asks for ${one}` }))
}

/** I4, I7: nothing is asked for but exactly what was due on the invoice at one of the looks at it. */
export function watchDues({ lago }: Books) {
  const dues = new Map<string, Set<number>>()
  const see = (id: string) => {
    const invoice = lago.store.invoices.get(id)
    if (!invoice) return
    const seen = dues.get(id) ?? new Set<number>()
    dues.set(id, seen.add(toDodo(amountsOf(invoice, lago.store).due, invoice.currency)))
  }
  return function leaves(sent: Sent): Violation[] {
    const { service, path, body } = sent
    if (service === 'lago') {
      see(/\/invoices\/([^/]+)/.exec(path)?.[1] ?? '')
      return []
    }
    const metadata = part(body, 'metadata')
    const id = textOf(metadata['lago_invoice_id'])
    const what = creationOf(sent)?.what
    const asks = what === 'charge' || what === 'checkout'
    const isOfSeveral =
      metadata['lago_payment_request_id'] !== undefined ||
      metadata['bridge_selection_id'] !== undefined
    if (!asks || id === '' || isOfSeveral) return []
    see(id)
    const amount = askedFor(body)
    const seen = dues.get(id)
    if (!seen || seen.has(amount)) return []
    const story = `${lago.store.invoices.get(id)?.number} is asked for ${amount} of Dodo's minor units, and ${[...seen].join(', ')} were due`
    return [{ rule: 'I7', story }]
  }
}
