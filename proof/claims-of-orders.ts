import { and, eq, inArray, isNotNull, isNull } from 'drizzle-orm'

import type { SandboxHighlevel } from '../sandbox/highlevel/highlevel.ts'
import type { Database } from '../src/db/client.ts'
import {
  orders,
  payments,
  receivables,
  recordings,
  refundOrders,
  tellings,
} from '../src/db/schema.ts'
import { textOf, type Books, type DodoPayment, type Violation } from './books.ts'
import { part, type Creation, type Json, type Sent } from './sent.ts'

/** A question that a shop's server or HighLevel's asked of the bridge, and what it was answered. */
export type Answered = { path: string; asked: Json; status: number; said: Json }

/** What the orders of a world are looked at with. */
export type OrderBooks = {
  /** Of every Dodo account that the bridge collects on. */
  accounts: readonly Pick<Books['dodo'], 'store'>[]
  highlevel: Pick<SandboxHighlevel, 'store'> | undefined
  /** Whose key it is, as the operator wrote it down. */
  storeOf: (apiKey: string) => string | undefined
}

const HUNDREDTHS = 100

/** Every payment that Dodo has on any account. */
const paymentsOf = ({ accounts }: OrderBooks): DodoPayment[] =>
  accounts.flatMap(({ store }) => [...store.payments.values()])

const isMoney = ({ status, total_amount }: DodoPayment) =>
  status === 'succeeded' && total_amount > 0

/** What a shop's or HighLevel's server is told of money, as far as it is said to be there. */
type Claimed = { orderId: string; dodoPaymentId: string; amount: number | undefined }

/** P1 to P7, of what is asked, answered, told and given back. What was told as paid is remembered. */
export function watchOrders(books: OrderBooks) {
  const claimed = new Set<string>()
  const amounts = new Map<string, Set<number>>()

  /** HighLevel's own amounts, at every look at it. */
  function seeAmounts() {
    for (const { _id, amount } of books.highlevel?.store.transactions.values() ?? []) {
      const seen = amounts.get(_id) ?? new Set()
      amounts.set(_id, seen.add(Math.round(amount * HUNDREDTHS)))
    }
  }

  return {
    seeAmounts,
    async answered(db: Database, answer: Answered): Promise<Violation[]> {
      const told = claimedIn(answer)
      const unproven = told ? provesNothing(books, told) : []
      if (told && unproven.length === 0) claimed.add(told.dodoPaymentId)
      return [...unproven, ...(await seenByAnother(db, books, answer))]
    },
    /** P3: what a buyer is asked for is what HighLevel asked for at one of the looks at it. */
    asked({ body }: Sent, amount: number): Violation[] {
      const transactionId = textOf(part(body, 'metadata')['highlevel_transaction_id'])
      const isOfCycle = textOf(part(body, 'metadata')['highlevel_subscription_id']) !== ''
      seeAmounts()
      const seen = amounts.get(transactionId)
      if (!seen || isOfCycle || seen.has(amount)) return []
      const story = `transaction ${transactionId} is asked for ${amount} hundredths, and HighLevel says ${[...seen].join(', ')}`
      return [{ rule: 'P3', story }]
    },
    /** P5: what somebody was told of as paid goes back only where somebody asked for it. */
    async givenBack(db: Database, { what, about }: Creation): Promise<Violation[]> {
      const id = textOf(about['payment_id'])
      if (what !== 'refund' || !claimed.has(id)) return []
      const orderId = textOf(part(about, 'metadata')['bridge_refund'])
      const rows = await db
        .select({ cause: refundOrders.cause })
        .from(refundOrders)
        .innerJoin(
          recordings,
          and(
            eq(recordings.dodoPaymentId, refundOrders.dodoPaymentId),
            eq(recordings.receivableId, refundOrders.receivableId),
          ),
        )
        .where(
          and(
            eq(refundOrders.id, orderId),
            isNull(refundOrders.creditNoteId),
            isNull(recordings.ruling),
          ),
        )
      return rows.map(({ cause }) => ({
        rule: 'P5',
        story: `${id}, which its source was told of as paid, goes back by policy (${cause})`,
      }))
    },
    /** P1 and P4: HighLevel is told of money that is there, by a telling that is written down. */
    async told(db: Database, body: Json): Promise<Violation[]> {
      if (body['event'] !== 'payment.captured') return []
      const told = claimedBySnapshot(body, textOf(body['ghlTransactionId']))
      const unproven = told ? provesNothing(books, told, textOf(body['ghlTransactionId'])) : []
      if (told && unproven.length === 0) claimed.add(told.dodoPaymentId)
      const planned = await db
        .select({ id: tellings.id })
        .from(tellings)
        .innerJoin(orders, eq(orders.orderId, tellings.orderId))
        .where(and(eq(orders.key, textOf(body['ghlTransactionId'])), isNotNull(tellings.triedAt)))
      const story = `HighLevel is told of ${textOf(body['chargeId'])}, and no telling of it is committed`
      return [...unproven, ...(planned.length > 0 ? [] : [{ rule: 'P4', story }])]
    },
  }
}

const CAPTURES = new Set(['/api/create-payment', '/api/capture-payment', '/api/get-payment-status'])

/** Whether an answer says that money is there, and which. */
function claimedIn({ path, asked, status, said }: Answered): Claimed | undefined {
  if (status !== 200) return undefined
  if (path === '/highlevel/query' && asked['type'] === 'verify' && said['success'] === true)
    return claimedBySnapshot(said, textOf(asked['transactionId']))
  if (!CAPTURES.has(path) || said['status'] !== 'captured') return undefined
  const data = part(said, 'data')
  const dodoPaymentId = textOf(data['id'] ?? said['dodoPaymentId'] ?? said['transactionId'])
  const orderId = textOf(data['paymentId'] ?? said['paymentId'])
  const amount = typeof said['amount'] === 'number' ? said['amount'] : undefined
  return { orderId, dodoPaymentId, amount }
}

/** A subscription that began with nothing due has no charge. */
function claimedBySnapshot(said: Json, transactionId: string): Claimed | undefined {
  const snapshot = part(said, 'chargeSnapshot')
  const dodoPaymentId = textOf(snapshot['chargeId'] ?? snapshot['id'])
  if (dodoPaymentId === '') return undefined
  return { orderId: transactionId, dodoPaymentId, amount: Number(snapshot['amount']) }
}

/** P1 and P2: what is said to be paid is so, with this payment, for this very order, and in its full amount. */
function provesNothing(
  books: OrderBooks,
  { orderId, dodoPaymentId, amount }: Claimed,
  transactionId = orderId,
): Violation[] {
  const isFor = ({ metadata }: DodoPayment) =>
    metadata['bridge_order'] === orderId || metadata['highlevel_transaction_id'] === transactionId
  const say = (rule: string, what: string) => [
    {
      rule,
      story: `${orderId} is said to be paid with ${dodoPaymentId || 'some payment'}, ${what}`,
    },
  ]
  const all = paymentsOf(books)
  const payment =
    dodoPaymentId === ''
      ? all.find((one) => isFor(one) && isMoney(one))
      : all.find((one) => one.payment_id === dodoPaymentId)
  if (!payment) return say('P1', 'which Dodo does not know')
  if (!isMoney(payment)) return say('P1', `which is ${payment.status} in Dodo`)
  if (!isFor(payment)) return say('P2', `which is ${textOf(payment.metadata['bridge_order'])}'s`)
  return amount === undefined || amount === payment.total_amount
    ? []
    : say('P1', `as ${amount}, of which Dodo holds ${payment.total_amount}`)
}

/** P7: with the key of one tenant nothing is learnt, or moved, of another's. */
async function seenByAnother(
  db: Database,
  { storeOf }: OrderBooks,
  { path, asked, status, said }: Answered,
): Promise<Violation[]> {
  const apiKey = textOf(part(part(asked, 'provider'), 'credentials')['apiKey'])
  const location = /^hlk_(?:test|live)_([\w-]+)_[^_]+$/.exec(textOf(asked['apiKey']))?.[1]
  const tenant = path === '/highlevel/query' ? location : storeOf(apiKey)
  const isSilent = (status !== 200 && status !== 409) || tellsNothing(path, said)
  if (isSilent || tenant === undefined) return []
  const named = [asked['paymentId'], asked['chargeId'], asked['transactionId'], said['paymentId']]
  const ids = named.map(textOf).filter((id) => id !== '')
  if (ids.length === 0) return []
  const byPayment = db
    .select({ id: recordings.receivableId })
    .from(recordings)
    .where(inArray(recordings.dodoPaymentId, ids))
  const rows = await db
    .select({ orderId: orders.orderId, tenant: orders.tenant })
    .from(orders)
    .where(inArray(orders.orderId, [...ids, '']))
    .union(
      db
        .select({ orderId: orders.orderId, tenant: orders.tenant })
        .from(orders)
        .where(inArray(orders.orderId, byPayment)),
    )
  return rows
    .filter((order) => order.tenant !== tenant)
    .map((order) => ({
      rule: 'P7',
      story: `${tenant} asked ${path} and was answered ${status} about ${order.orderId}, which is ${order.tenant}'s`,
    }))
}

/** HighLevel's questions are answered with 200 whatever they are about. */
const tellsNothing = (path: string, said: Json) =>
  path === '/highlevel/query' && said['success'] !== true && said['failed'] !== true

/** P1 and P2, of the ledger itself: who counts as paid is so, and no payment pays two orders. */
export async function ordersArePaid(db: Database, books: OrderBooks): Promise<Violation[]> {
  const rows = await db
    .select({
      orderId: orders.orderId,
      account: orders.account,
      amount: orders.amount,
      currency: orders.currency,
      dodoPaymentId: recordings.dodoPaymentId,
      paidOn: payments.account,
    })
    .from(orders)
    .innerJoin(receivables, eq(receivables.receivableId, orders.orderId))
    .leftJoin(
      recordings,
      and(eq(recordings.receivableId, orders.orderId), eq(recordings.disposition, 'applied')),
    )
    .leftJoin(payments, eq(payments.dodoPaymentId, recordings.dodoPaymentId))
    .where(eq(receivables.state, 'paid'))
  const all = paymentsOf(books)
  const unpaid = rows.flatMap(({ orderId, dodoPaymentId, amount, currency, account, paidOn }) => {
    const payment = all.find((one) => one.payment_id === dodoPaymentId)
    const say = (rule: string, what: string) => [{ rule, story: `${orderId} is paid, ${what}` }]
    if (dodoPaymentId === null) return say('P1', 'and with no payment')
    if (!payment || !isMoney(payment)) return say('P1', `with ${dodoPaymentId}, which is not money`)
    if (payment.metadata['bridge_order'] !== orderId)
      return say('P2', `with ${dodoPaymentId}, which was for another`)
    if (payment.total_amount !== amount || payment.currency !== currency)
      return say(
        'P1',
        `for ${amount} ${currency}, with ${payment.total_amount} ${payment.currency} of ${dodoPaymentId}`,
      )
    return account === paidOn ? [] : say('P2', `on ${account}, with money of ${paidOn}`)
  })
  const twice = [...Map.groupBy(rows, ({ dodoPaymentId }) => dodoPaymentId)]
    .filter(([id, paid]) => id !== null && paid.length > 1)
    .map(([id, paid]) => ({
      rule: 'P2',
      story: `${id} pays ${paid.map(({ orderId }) => orderId).join(' and ')}`,
    }))
  return [...unpaid, ...twice]
}
