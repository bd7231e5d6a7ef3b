import { and, eq, isNull } from 'drizzle-orm'
import type { z } from 'zod'

import { isFinal, isUnbegun } from '../../../collect/ledger.ts'
import { orders } from '../../../db/schema.ts'
import { messageOf } from '../../../errors.ts'
import { Query } from '../../../highlevel/queries.ts'
import { wake } from '../../../wakes.ts'
import { claim } from '../../orders/claim.ts'
import { ensureOrder, supersede } from '../../orders/ensure.ts'
import { outcomeOf, readStanding, waitFor, type Standing } from '../../orders/look.ts'
import type { OrderRow } from '../../orders/order.ts'
import { answerNotCharged, nothingOf, snapshotInMajor } from '../decide/answers.ts'
import {
  findDisagreement,
  findTooSmall,
  isRefusal,
  readMoney,
  type Money,
} from '../decide/asked.ts'
import type { HighlevelDeps } from '../deps.ts'
import { readOwed } from '../owed.ts'
import { payerKeyOf } from '../payers.ts'
import { WORDS } from '../words.ts'
import { findMandate } from './mandates.ts'
import type { Whose } from './rows.ts'

type Asked = Extract<z.infer<typeof Query>, { type: 'charge_payment' }>

/** What a charge without the buyer is about, once HighLevel's own transaction has said the same. */
export type Chargeable = {
  account: string
  payerKey: string
  money: Money
  contactId: string
  dodoSubscriptionId: string
}

/**
 * Charges a saved card for a transaction, once whatever is repeated: the transaction is the key of its order. Nothing
 * is charged unless HighLevel's API says the same amount, for the same contact, and that it is not paid.
 */
export async function chargePayment(deps: HighlevelDeps, whose: Whose, asked: Asked) {
  const money = readMoney(asked)
  if (isRefusal(money)) return answerNotCharged(money.why, deps.now())
  const { contactId, transactionId } = asked
  const known = await findSame(deps, whose, transactionId, { money, contactId })
  // What was asked for before is answered for, whatever has become of its card and its account since.
  if (known?.collect === 'charge') return answerCharged(deps, await awaitCharge(deps, known))
  const checked = await check(deps, whose, asked, money)
  if (typeof checked === 'string') return answerNotCharged(checked, deps.now())
  const standing = await chargeOnce(deps, whose, transactionId, checked, {})
  return answerCharged(deps, standing)
}

/** What may be charged, or why nothing is. */
async function check(
  deps: HighlevelDeps,
  whose: Whose,
  asked: Asked,
  money: Money,
): Promise<Chargeable | string> {
  const { contactId, paymentMethodId, transactionId } = asked
  const tooSmall = findTooSmall(money)
  if (tooSmall) return tooSmall.why
  const account = await deps.locations.accountOf(whose)
  if (account === undefined) return `payments in ${whose.mode} mode are not served here`
  const payerKey = payerKeyOf({ account, locationId: whose.locationId, contactId })
  const { currency } = money
  const mandate = await findMandate(deps, { account, payerKey }, { id: paymentMethodId, currency })
  if (!mandate) return 'the saved card is not one of this contact in this currency'
  const { dodoSubscriptionId } = mandate
  const chargeable = { account, payerKey, money, contactId, dodoSubscriptionId }
  try {
    const owed = await readOwed(deps, { ...whose, transactionId, orderId: undefined })
    if (!owed) return 'HighLevel does not know the transaction'
    const why = findDisagreement({ ...whose, money, contactId }, owed.found)
    return why ? why.why : chargeable
  } catch (error) {
    deps.log.warn({ error: messageOf(error) }, 'nothing is charged: the transaction was not read')
    return 'HighLevel could not be asked about the transaction, and nothing was charged'
  }
}

/**
 * The current order of a transaction, if it is for the same money and contact: it is asked for once more. Anything else
 * is for HighLevel to agree to, since it would take the place of what is there.
 */
async function findSame(
  deps: HighlevelDeps,
  whose: Whose,
  transactionId: string,
  { money, contactId }: Pick<Chargeable, 'money' | 'contactId'>,
): Promise<OrderRow | undefined> {
  const current = await findCurrent(deps, whose, transactionId)
  const isSame =
    current?.amount === money.amount &&
    current.currency === money.currency &&
    current.metadata['highlevel_contact_id'] === contactId
  return isSame ? current : undefined
}

/** The order that a transaction has now. */
export async function findCurrent({ db }: HighlevelDeps, whose: Whose, transactionId: string) {
  const [row] = await db
    .select()
    .from(orders)
    .where(
      and(
        eq(orders.source, 'highlevel'),
        eq(orders.tenant, whose.locationId),
        eq(orders.mode, whose.mode),
        eq(orders.key, transactionId),
        isNull(orders.supersededAt),
      ),
    )
  return row
}

/** Has the card charged, if that was not done before, and waits for what comes of it. */
export async function chargeOnce(
  deps: HighlevelDeps,
  whose: Whose,
  transactionId: string,
  { account, payerKey, money, contactId, dodoSubscriptionId }: Chargeable,
  metadata: Record<string, string>,
): Promise<Standing> {
  const page = await findCurrent(deps, whose, transactionId)
  if (page && page.collect !== 'charge') {
    const standing = await readStanding(deps, page.orderId)
    if (isBeingPaid(standing)) return standing
    // The page was left: what comes of it all the same is late.
    await deps.db.transaction((tx) => supersede(tx, page.orderId, WORDS, deps.now()))
    await wake(deps, 'settle', [page.orderId], 'customer')
  }
  const order = await ensureOrder(
    deps,
    { source: 'highlevel', tenant: whose.locationId, mode: whose.mode },
    {
      account,
      key: transactionId,
      ...money,
      payerKey,
      collect: 'charge',
      dodoSubscriptionId,
      metadata: { highlevel_contact_id: contactId, ...metadata },
    },
    WORDS,
  )
  return awaitCharge(deps, order)
}

/** Waits for what comes of a charge that was asked for. */
export async function awaitCharge(
  deps: HighlevelDeps,
  { orderId }: Pick<OrderRow, 'orderId'>,
): Promise<Standing> {
  await wake(deps, 'settle', [orderId], 'customer')
  const settled = await waitFor(async () => {
    const now = await readStanding(deps, orderId)
    const isOver = outcomeOf(now).status === 'captured' || now.order.closedAt !== null
    return isOver || now.row.state === 'attention' ? now : undefined
  })
  return settled ?? readStanding(deps, orderId)
}

export const isBeingPaid = ({ ledger }: Standing) =>
  ledger.payments.some(
    (one) => one.status === 'succeeded' || (!isFinal(one) && !isUnbegun(one, ledger.attempts)),
  )

/** What became of a charge: paid, declined in words, or not known yet, of which an event tells. */
export async function answerCharged(deps: HighlevelDeps, standing: Standing) {
  const { order } = standing
  const { status, payment } = outcomeOf(standing)
  if (status === 'captured' && payment && (await claim(deps, order.orderId, WORDS))) {
    const { dodoPaymentId, amount, madeAt } = payment
    return {
      success: true,
      failed: false,
      chargeId: dodoPaymentId,
      message: '',
      chargeSnapshot: snapshotInMajor('succeeded', { dodoPaymentId, amount, madeAt }),
    }
  }
  if (order.closedAt) return answerNotCharged(order.closedReason ?? 'it was declined', deps.now())
  const chargeId = payment?.dodoPaymentId ?? ''
  return {
    success: false,
    failed: false,
    chargeId,
    message: 'pending',
    chargeSnapshot: snapshotInMajor('pending', {
      ...nothingOf(chargeId, deps.now()),
      amount: order.amount,
    }),
  }
}
