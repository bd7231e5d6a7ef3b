import type { z } from 'zod'

import { messageOf } from '../../../errors.ts'
import { Query } from '../../../highlevel/queries.ts'
import { findDisagreement, isRefusal, readMoney, type Money } from '../decide/asked.ts'
import { answerNotCharged } from '../decide/answers.ts'
import type { Recurrence } from '../decide/schedule.ts'
import type { HighlevelDeps } from '../deps.ts'
import { readOwed } from '../owed.ts'
import { payerKeyOf } from '../payers.ts'
import { beginSubscription } from './begin.ts'
import { outcomeOf, readStanding } from '../../orders/look.ts'
import type { OrderRow } from '../../orders/order.ts'
import { planBeginning } from './beginning.ts'
import {
  answerCharged,
  awaitCharge,
  chargeOnce,
  findCurrent,
  isBeingPaid,
  type Chargeable,
} from './charge.ts'
import { ensureSubscription, readAgreed } from './ensure.ts'
import { findMandate } from './mandates.ts'
import {
  findSubscription,
  isEnded,
  lockSubscription,
  snapshotOf,
  type SubscriptionRow,
  type Whose,
} from './rows.ts'
import { carriedTerms, readTerms } from './terms.ts'
import { SUBSCRIPTION_OVER } from '../words.ts'

type Asked = Extract<z.infer<typeof Query>, { type: 'create_subscription' }>

type Plan = Omit<Chargeable, 'money'> & {
  /** What is charged now: nothing, where it starts later or a trial runs. */
  now: Money
  cycle: Money
  terms: Recurrence
  startAt: Date
}

/**
 * Begins a subscription on a saved card. Asked again, it is the same one: the first charge is made once. Nothing is
 * charged unless HighLevel's own transaction and subscription say the same.
 */
export async function createSubscription(deps: HighlevelDeps, whose: Whose, asked: Asked) {
  const before = await findBegun(deps, whose, asked)
  if (before) return before
  const planned = await plan(deps, whose, asked)
  if (typeof planned === 'string') return refused(deps, planned)
  const { account, payerKey, contactId, terms, dodoSubscriptionId, startAt } = planned
  const row = await ensureSubscription(deps, whose, {
    account,
    payerKey,
    contactId,
    terms,
    dodoSubscriptionId,
    startAt,
    subscriptionId: asked.subscriptionId,
    transactionId: asked.transactionId,
    money: planned.cycle,
  })
  if (planned.now.amount === 0) return answerBegun(await beginUnpaid(deps, row, planned), undefined)

  const standing = await chargeOnce(
    deps,
    whose,
    asked.transactionId,
    { ...planned, money: planned.now },
    { highlevel_subscription_id: asked.subscriptionId },
  )
  const charged = await answerCharged(deps, standing)
  // By being paid it has begun.
  const begun = (await findSubscription(deps.db, whose, asked.subscriptionId)) ?? row
  return answerBegun(begun, charged)
}

/**
 * What has come of it before: a subscription begins once, whatever became of its card since. Asked for with another
 * transaction nothing is charged, and none of its own is said to be paid: the money is the first one's (P2).
 */
async function findBegun(deps: HighlevelDeps, whose: Whose, asked: Asked) {
  const { subscriptionId, transactionId, contactId } = asked
  const row = await findSubscription(deps.db, whose, subscriptionId)
  if (row?.contactId !== contactId) return undefined
  const isOther = row.transactionId !== transactionId
  const order = await findCurrent(deps, whose, row.transactionId)
  if (order?.metadata['highlevel_subscription_id'] !== subscriptionId) {
    if (row.status === 'pending') return undefined
    return isEnded(row) ? refused(deps, SUBSCRIPTION_OVER) : answerBegun(row, undefined)
  }
  const isCharge = order.collect === 'charge'
  const isAsked = isCharge && !(isOther && order.closedAt)
  const known = await readStanding(deps, order.orderId)
  // Somebody is paying on the page of the other one: the subscription may begin with that.
  const isUnderWay = isOther && !isCharge && isBeingPaid(known)
  if (row.status === 'pending' && !isAsked && !isUnderWay) return undefined
  if (!isOther && !isOf(order, readMoney(asked))) return undefined
  const standing = isCharge ? await awaitCharge(deps, order) : known
  if (isEnded(row) && !isCharge && outcomeOf(standing).status !== 'captured')
    return refused(deps, SUBSCRIPTION_OVER)
  const charged = await answerCharged(deps, standing)
  // By being paid it has begun.
  const begun = (await findSubscription(deps.db, whose, subscriptionId)) ?? row
  return answerBegun(begun, isOther ? undefined : charged)
}

const isOf = ({ amount, currency }: OrderRow, money: ReturnType<typeof readMoney>) =>
  !isRefusal(money) && money.amount === amount && money.currency === currency

const refused = (deps: HighlevelDeps, message: string) => {
  const { success, failed } = answerNotCharged(message, deps.now())
  return { success, failed, message }
}

type Charged = Awaited<ReturnType<typeof answerCharged>>

function answerBegun(row: SubscriptionRow, charged: Charged | undefined) {
  const isBegun = row.status !== 'pending'
  const { success, failed, message, chargeId, chargeSnapshot } = charged ?? {
    success: isBegun,
    failed: false,
    message: isBegun ? '' : 'pending',
  }
  const snapshot = snapshotOf(row)
  return {
    success,
    failed,
    message,
    ...(chargeId !== undefined && { transaction: { chargeId, chargeSnapshot } }),
    subscription: {
      subscriptionId: row.subscriptionId,
      subscriptionSnapshot: isBegun ? snapshot : { ...snapshot, status: 'incomplete' },
    },
  }
}

async function beginUnpaid(
  deps: HighlevelDeps,
  row: SubscriptionRow,
  { dodoSubscriptionId }: Plan,
) {
  return deps.db.transaction(async (tx) => {
    const pending = await lockSubscription(tx, row.id)
    if (pending?.status !== 'pending') return pending ?? row
    const now = deps.now()
    const begun = await beginSubscription(tx, pending, {
      now,
      isFirstPaid: false,
      dodoSubscriptionId,
    })
    await planBeginning(deps, tx, { row: begun, orderId: undefined }, now)
    return begun
  })
}

/** What is to be done, once HighLevel's API agrees; or why it is not, in words. */
async function plan(deps: HighlevelDeps, whose: Whose, asked: Asked): Promise<Plan | string> {
  const { contactId, currency, paymentMethodId, subscriptionId, transactionId } = asked
  const first = readMoney(asked)
  const cycle = readMoney({ amount: asked.recurringAmount, currency })
  if (isRefusal(first)) return first.why
  if (isRefusal(cycle)) return cycle.why
  const account = await deps.locations.accountOf(whose)
  if (account === undefined) return `payments in ${whose.mode} mode are not served here`
  const payerKey = payerKeyOf({ account, locationId: whose.locationId, contactId })
  const method = { id: paymentMethodId, currency: first.currency }
  const mandate = await findMandate(deps, { account, payerKey }, method)
  if (!mandate) return 'the saved card is not one of this contact in this currency'
  const now = deps.now()
  const startAt = readStart(asked.startDate, now)
  if (!startAt) return 'startDate is no date'
  try {
    const agreed = await readAgreed(deps, whose, subscriptionId)
    if (!agreed || (agreed.contactId !== null && agreed.contactId !== contactId))
      return 'HighLevel does not know this subscription of the contact'
    if (agreed.isCancelled) return 'the subscription was cancelled in HighLevel'
    if (agreed.money.amount !== cycle.amount || agreed.money.currency !== cycle.currency)
      return 'HighLevel asks for another amount per cycle'
    const client = deps.locations.clientFor(whose.locationId)
    const terms =
      carriedTerms(asked.productDetails) ?? (await readTerms(client, asked.productDetails))
    if (!terms) return 'HighLevel does not say how often to charge, and nothing was charged'
    const isLater = startAt > now || terms.trialDays > 0
    const due = isLater ? { ...first, amount: 0 } : first
    if (due.amount > 0) {
      const owed = await readOwed(deps, { ...whose, transactionId, orderId: undefined })
      if (!owed) return 'HighLevel does not know the transaction'
      const why = findDisagreement({ ...whose, money: first, contactId }, owed.found)
      if (why) return why.why
    }
    const { dodoSubscriptionId } = mandate
    return { account, payerKey, contactId, dodoSubscriptionId, now: due, cycle, terms, startAt }
  } catch (error) {
    deps.log.warn({ error: messageOf(error) }, 'nothing is charged: HighLevel was not read')
    return 'HighLevel could not be asked, and nothing was charged'
  }
}

/** A day, or a moment. Today is now. */
function readStart(text: string, now: Date): Date | undefined {
  const isDay = /^\d{4}-\d{2}-\d{2}$/.test(text)
  const at = new Date(text)
  if (Number.isNaN(at.getTime())) return undefined
  const isToday = isDay && text === now.toISOString().slice(0, 10)
  return isToday ? now : at
}
