import { and, eq } from 'drizzle-orm'
import { z } from 'zod'

import { isFinal, isLive } from '../../collect/ledger.ts'
import { payUrlOf } from '../../collect/load.ts'
import { orders, receivables } from '../../db/schema.ts'
import type { Mode } from '../../highlevel/keys.ts'
import { Props } from '../../highlevel/queries.ts'
import { wake } from '../../wakes.ts'
import { findAppliedTo } from '../orders/decide/money-of-order.ts'
import { NotInTime, outcomeOf, readStanding, waitFor, type Standing } from '../orders/look.ts'
import { ensureOrder, type Asked } from '../orders/ensure.ts'
import { isTroubledSince } from '../orders/open.ts'
import { describeContact } from './contact.ts'
import {
  findDisagreement,
  findTooSmall,
  isRefusal,
  readMoney,
  type Money,
  type Refusal,
} from './decide/asked.ts'
import type { HighlevelDeps } from './deps.ts'
import { readOwed, type Owed } from './owed.ts'
import { payerKeyOf } from './payers.ts'
import { openCardPage, openFreeBeginning, prepareSubscription } from './recurring/page.ts'
import type { SubscriptionRow } from './recurring/rows.ts'
import { findSetup, lookAtSetup, type SetupRow } from './recurring/setup.ts'
import { WORDS } from './words.ts'

export type Opened =
  | { status: 200; body: Record<string, unknown> }
  | { status: 400 | 401 | 409 | 429; body: { error: string } }

type PaymentProps = Extract<z.infer<typeof Props>, { transactionId: string }>
type Whose = { locationId: string; mode: Mode }

const no = (status: 400 | 401 | 409 | 429, error: string): Opened => ({ status, body: { error } })
const refuse = ({ is, why }: Refusal): Opened => no(is === 'malformed' ? 400 : 409, why)

/** Only what a stranger must name before anything else is looked at. */
const Named = z.looseObject({ publishableKey: z.string(), locationId: z.string().nullish() })

/**
 * Opens, or finds, the order that the props of a pay page are about: the same transaction and amount is the same one,
 * however often and at once. Nothing of the props is believed: HighLevel's own transaction says what is owed (P3).
 * Throws `NotInTime`, or what the services threw, when nothing is known to have been opened.
 */
export async function openSession(
  deps: HighlevelDeps,
  given: Record<string, unknown>,
  mayOpen: (locationId: string) => boolean,
): Promise<Opened> {
  const named = Named.safeParse(given).data
  const whose = named && (await deps.locations.findByKey('publishableKey', named.publishableKey))
  if (!whose) return no(401, 'This payment cannot be made: the key is not known.')
  if (named.locationId && named.locationId !== whose.locationId)
    return no(401, 'This payment cannot be made: the key is not known.')
  if (!mayOpen(whose.locationId)) return no(429, 'Too many payments at once. Please try again.')

  const { data: props } = Props.safeParse(given)
  if (!props) return no(400, 'The payment is not described as it should be.')
  const isRecurring = deps.config.highlevel?.payments === 'recurring'
  if (props.mode !== 'payment' && !isRecurring)
    return no(409, 'Saved cards and subscriptions are not switched on here.')
  const account = await deps.locations.accountOf(whose)
  if (account === undefined) return no(409, `Payments in ${whose.mode} mode are not served here.`)
  if (props.mode !== 'setup') return openPayment(deps, { ...whose, account }, props)
  const page = await openCardPage(deps, whose, props, account)
  return 'why' in page ? refuse(page) : answerSetup(page)
}

type OnAccount = Whose & { account: string }

async function openPayment(
  deps: HighlevelDeps,
  { account, ...whose }: OnAccount,
  props: PaymentProps,
): Promise<Opened> {
  const money = readMoney(props)
  if (isRefusal(money)) return refuse(money)
  const paid = await findPaid(deps, whose, props.transactionId, money)
  if (paid) return answer(deps, paid)

  const { transactionId, orderId } = props
  const owed = await readOwed(deps, { locationId: whose.locationId, transactionId, orderId })
  if (!owed) return no(409, 'HighLevel does not know this payment.')
  const isSubscription = props.mode === 'subscription'
  const isFree = isSubscription && money.amount === 0
  const why =
    findDisagreement({ ...whose, money }, owed.found) ?? (isFree ? undefined : findTooSmall(money))
  if (why) return refuse(why)
  const about = { account, owed }
  const row = isSubscription ? await prepareSubscription(deps, whose, props, about) : undefined
  if (row && 'why' in row) return refuse(row)
  if (row && isFree) {
    const page = await openFreeBeginning(deps, whose, row)
    return 'why' in page ? refuse(page) : answerSetup(page)
  }
  const asked = askedFor({ owed, props, money, account, whose, row })
  const scope = { source: 'highlevel', tenant: whose.locationId, mode: whose.mode } as const
  const order = await ensureOrder(deps, scope, asked, WORDS)
  return open(deps, order.orderId)
}

function askedFor(about: {
  owed: Owed
  props: PaymentProps
  money: Money
  account: string
  whose: Whose
  row: SubscriptionRow | undefined
}): Asked {
  const { owed, props, money, account, whose, row } = about
  const contactId = owed.found.contactId ?? row?.contactId
  const { email, name, country } = describeContact(props.contact)
  return {
    account,
    key: props.transactionId,
    ...money,
    email,
    name,
    // Dodo's page asks for it, unless a card is saved.
    ...(row && { country, collect: 'mandate' as const }),
    ...(contactId && {
      payerKey: payerKeyOf({ account, locationId: whose.locationId, contactId }),
    }),
    metadata: {
      ...(contactId && { highlevel_contact_id: contactId }),
      ...(row && { highlevel_subscription_id: row.subscriptionId }),
      // The transaction could not be read: until it can, its order says what is owed.
      ...(owed.is === 'order' && { highlevel_order_id: owed.found._id }),
    },
  }
}

const answerSetup = ({ ref, checkoutUrl, currency, status }: SetupRow): Opened => ({
  status: 200,
  body: { ref, checkoutUrl, amount: 0, currency, status: status === 'done' ? 'succeeded' : 'open' },
})

/** What was paid through us is not asked for again, whatever HighLevel says by now. */
async function findPaid(
  deps: HighlevelDeps,
  { locationId, mode }: Whose,
  transactionId: string,
  money: Money,
): Promise<Standing | undefined> {
  const rows = await deps.db
    .select({ orderId: orders.orderId })
    .from(orders)
    .where(
      and(
        eq(orders.source, 'highlevel'),
        eq(orders.tenant, locationId),
        eq(orders.mode, mode),
        eq(orders.key, transactionId),
        eq(orders.amount, money.amount),
        eq(orders.currency, money.currency),
      ),
    )
  for (const { orderId } of rows) {
    const standing = await readStanding(deps, orderId)
    if (outcomeOf(standing).status === 'captured') return standing
  }
  return undefined
}

/** Waits until there is something to pay in. */
async function open(deps: HighlevelDeps, orderId: string): Promise<Opened> {
  const askedAt = deps.now()
  const known = await readStanding(deps, orderId)
  if (!isReady(known)) await wake(deps, 'settle', [orderId], 'customer')
  const standing = await waitFor(async () => {
    const now = await readStanding(deps, orderId)
    const { closedAt, supersededAt } = now.order
    const isOver = closedAt !== null || supersededAt !== null || isTroubledSince(now.row, askedAt)
    return isReady(now) || isOver ? now : undefined
  })
  if (!standing) throw new NotInTime('no checkout was opened in time')
  return isReady(standing) ? answer(deps, standing) : no(409, 'This payment cannot be made here.')
}

/** Something to pay in, or that was paid in: the pay link renews what has ended since. */
const isReady = ({ ledger }: Standing) =>
  findAppliedTo(ledger) !== undefined ||
  ledger.attempts.some((one) => !isLive(one) || one.status === 'live')

function answer({ config }: HighlevelDeps, standing: Standing): Opened {
  const { order, row } = standing
  const ref = row.payToken
  const { amount, currency } = order
  const checkoutUrl = payUrlOf(config.publicUrl, row.payToken)
  return { status: 200, body: { ref, checkoutUrl, amount, currency, ...describe(standing) } }
}

type Shown = {
  status: 'open' | 'processing' | 'succeeded' | 'failed' | 'expired'
  chargeId?: string
  message?: string
}

const REF = /^[\w-]{1,100}$/
const DECLINED = 'The payment was declined. Please try again, or use another card.'

/** How it stands, as far as whoever pays may know. */
function describe(standing: Standing): Shown {
  const { order, row, ledger } = standing
  const { status, payment } = outcomeOf(standing)
  if (status === 'captured' && payment)
    return { status: 'succeeded', chargeId: payment.dodoPaymentId }
  // What is only just heard of is not judged yet.
  if (ledger.recordings.some(({ disposition }) => disposition !== 'applied')) {
    const message =
      'The payment has to be looked at. Please contact the seller before paying again.'
    return { status: 'failed', message }
  }
  if (order.supersededAt || order.closedAt) {
    const message = 'This payment was replaced by another one. Please start again.'
    return { status: order.supersededAt ? 'expired' : 'failed', message }
  }
  const underWay = ledger.payments.find((one) => !isFinal(one) && isBegun(one.status))
  if (underWay) return { status: 'processing', chargeId: underWay.dodoPaymentId }
  if (row.state === 'attention')
    return { status: 'failed', message: 'This payment cannot be made here.' }
  const isDeclined = ledger.payments.some((one) => one.status === 'failed')
  return { status: 'open', ...(isDeclined && { message: DECLINED }) }
}

/** The bank has it. What waits for whoever pays to confirm it, or for a card, is not with the bank. */
const isBegun = (status: string) => status === 'processing'

/**
 * The order or the card set-up that a ref names; undefined for none. With `mayLook` Dodo is asked, too, if nothing
 * final is known: a webhook may be lost.
 */
export async function readSession(
  deps: HighlevelDeps,
  ref: string,
  mayLook: () => boolean,
): Promise<Shown | undefined> {
  if (!REF.test(ref)) return undefined
  const [row] = await deps.db
    .select({ orderId: orders.orderId })
    .from(receivables)
    .innerJoin(orders, eq(orders.orderId, receivables.receivableId))
    .where(and(eq(receivables.payToken, ref), eq(orders.source, 'highlevel')))
  if (!row) return readSetup(deps, ref, mayLook)
  const shown = describe(await readStanding(deps, row.orderId))
  if (shown.status === 'open' && mayLook()) await wake(deps, 'settle', [row.orderId], 'customer')
  return shown
}

async function readSetup(
  deps: HighlevelDeps,
  ref: string,
  mayLook: () => boolean,
): Promise<Shown | undefined> {
  const known = await findSetup(deps, ref)
  if (!known) return undefined
  const row = known.status === 'open' && mayLook() ? await lookAtSetup(deps, known) : known
  switch (row.status) {
    case 'done':
      return { status: 'succeeded' }
    case 'failed':
      return { status: 'failed', message: 'The card could not be saved. Please start again.' }
    case 'intended':
    case 'open':
      return { status: row.expiresAt < deps.now() ? 'expired' : 'open' }
  }
}
