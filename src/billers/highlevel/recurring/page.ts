import type { z } from 'zod'

import { Props } from '../../../highlevel/queries.ts'
import { recallPayer } from '../../../collect/act/payer.ts'
import { describeContact } from '../contact.ts'
import { isRefusal, readMoney, type Refusal } from '../decide/asked.ts'
import { payerKeyOf } from '../payers.ts'
import type { HighlevelDeps } from '../deps.ts'
import type { Owed } from '../owed.ts'
import { ensureSubscription, isForAnother, readAgreed } from './ensure.ts'
import { isEnded, type SubscriptionRow, type Whose } from './rows.ts'
import { findDone, openSetup, type SetupRow } from './setup.ts'
import { readTerms } from './terms.ts'

type PaymentProps = Extract<z.infer<typeof Props>, { transactionId: string }>
type SetupProps = Extract<z.infer<typeof Props>, { mode: 'setup' }>

const conflict = (why: string): Refusal => ({ is: 'conflict', why })

/** What is agreed to by paying on the page: written down before the page is opened. */
export async function prepareSubscription(
  deps: HighlevelDeps,
  whose: Whose,
  props: PaymentProps,
  { account, owed }: { account: string; owed: Owed },
): Promise<SubscriptionRow | Refusal> {
  const { subscriptionId, transactionId, contact } = props
  if (!subscriptionId) return conflict('HighLevel names no subscription.')
  const agreed = await readAgreed(deps, whose, subscriptionId)
  if (!agreed) return conflict('HighLevel does not know this subscription.')
  if (agreed.isCancelled) return conflict('This subscription was cancelled.')
  if (isForAnother(agreed, owed))
    return conflict('HighLevel holds this payment for something else.')
  const whom = owed.found.contactId ?? agreed.contactId
  if (!whom || (agreed.contactId !== null && agreed.contactId !== whom))
    return conflict('HighLevel does not say whose subscription it is.')
  // Which price it is the browser says; it is one of those that HighLevel names, where it names any.
  const { named } = agreed
  const products = props.productDetails.filter(
    ({ priceId }) => named.length === 0 || (priceId !== undefined && named.includes(priceId)),
  )
  const client = deps.locations.clientFor(whose.locationId)
  const terms = await readTerms(client, products)
  if (!terms) return conflict('HighLevel does not say how often this is to be paid.')
  const payerKey = payerKeyOf({ account, locationId: whose.locationId, contactId: whom })
  const described = describeContact(contact)
  // Dodo keeps a card for a customer, and a customer has an address.
  if (!described.email && props.amount !== 0 && !(await isKnownAtDodo(deps, payerKey)))
    return conflict('The e-mail address of the buyer is needed.')
  const row = await ensureSubscription(deps, whose, {
    subscriptionId,
    transactionId,
    account,
    contactId: whom,
    payerKey,
    ...described,
    money: agreed.money,
    terms,
  })
  if (isEnded(row)) return conflict('This subscription is over.')
  const isOther = row.status !== 'pending' && row.transactionId !== transactionId
  return isOther && props.amount !== 0 ? conflict('This subscription has begun already.') : row
}

async function isKnownAtDodo({ db }: HighlevelDeps, payerKey: string): Promise<boolean> {
  return (await recallPayer({ db }, payerKey)) !== undefined
}

/** A page on which a contact saves a card, for its own sake. */
export async function openCardPage(
  deps: HighlevelDeps,
  whose: Whose,
  props: SetupProps,
  account: string,
): Promise<SetupRow | Refusal> {
  const money = readMoney({ amount: 0, currency: props.currency })
  if (isRefusal(money)) return money
  const contactId = props.contact.id
  const payerKey = payerKeyOf({ account, locationId: whose.locationId, contactId })
  const { currency } = money
  const asked = { account, contactId, payerKey, currency, begins: null }
  return (await openSetup(deps, whose, asked)) ?? conflict('A card cannot be saved here.')
}

/** A page on which a subscription begins with which nothing is due yet. */
export async function openFreeBeginning(
  deps: HighlevelDeps,
  whose: Whose,
  row: SubscriptionRow,
): Promise<SetupRow | Refusal> {
  const { account, contactId, payerKey, currency, id: begins } = row
  const begun = row.status === 'pending' ? undefined : await findDone(deps, begins)
  if (begun) return begun
  const asked = { account, contactId, payerKey, currency, begins }
  return (await openSetup(deps, whose, asked)) ?? conflict('A card cannot be saved here.')
}
