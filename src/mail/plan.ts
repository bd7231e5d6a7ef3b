import type { Attempt } from '../collect/ledger.ts'
import type { State } from '../collect/receivable.ts'
import type { MailConfig } from '../env/mail.ts'
import type { PlannedMail } from './mails.ts'

const MINUTE_MS = 60_000
const DAY_MS = 24 * 3_600_000
/** What is older was told by somebody else, or nobody: it is no news. */
const NEWS_MS = 3 * DAY_MS
/** A card may be charged, and a wallet make it good, before anybody had to know. */
const WAIT_MS = MINUTE_MS

type Resting = {
  receivableId: string
  payerKey: string | null
  state: State
  isPayable: boolean
  /** When it was issued, as far as the books say. */
  issuedAt: Date
  /** Its own newest charge of a saved card. */
  charge: Attempt | undefined
}

/** Whether anything is mailed at all. */
export const isMailOn = ({ smtpUrl, from, kinds }: MailConfig) =>
  smtpUrl !== undefined && from !== undefined && kinds.length > 0

/** What a customer is to be mailed of an invoice that came to rest so; what was mailed already is known elsewhere. */
export function mailsOfInvoice(
  { receivableId, payerKey, state, isPayable, issuedAt, charge }: Resting,
  mail: MailConfig,
  at: Date,
): PlannedMail[] {
  if (!isMailOn(mail) || payerKey === null) return []
  const about = { subject: receivableId, payerKey, dueAt: new Date(at.getTime() + WAIT_MS) }
  const isNews = (since: Date) => at.getTime() - since.getTime() < NEWS_MS
  // Of a declined charge one mail tells it all, the invoice included.
  if (charge?.status === 'declined') {
    const isOwed = state === 'open' || state === 'failed'
    const isTold = isOwed && isNews(charge.endedAt ?? at) && mail.kinds.includes('failed')
    return isTold ? [{ kind: 'failed', occasion: String(charge.number), ...about }] : []
  }
  const isAsked = state === 'open' && isPayable
  const isTold = isAsked && isNews(issuedAt) && mail.kinds.includes('invoice')
  return isTold ? [{ kind: 'invoice', ...about }] : []
}

/** The same of a payment request. */
export function mailsOfRequest(
  { receivableId, payerKey, state, isPayable, issuedAt }: Omit<Resting, 'charge'>,
  mail: MailConfig,
  at: Date,
): PlannedMail[] {
  const isNews = at.getTime() - issuedAt.getTime() < NEWS_MS
  const isWanted = isMailOn(mail) && mail.kinds.includes('request')
  if (!isWanted || payerKey === null || !isNews || state !== 'open' || !isPayable) return []
  const dueAt = new Date(at.getTime() + WAIT_MS)
  return [{ kind: 'request', subject: receivableId, payerKey, dueAt }]
}

type Collecting = { mail: MailConfig; collection: 'checkout' | 'automatic' }

/** Where every invoice is paid on a page, no card is charged, and what is the matter with it is no news. */
const isCardTold = ({ mail, collection }: Collecting) =>
  isMailOn(mail) && mail.kinds.includes('card') && collection === 'automatic'

/** So long before it ends the customer is told that it does. */
const ENDING_MS = 30 * DAY_MS

/** The occasion of a mail about a card that ends with that month. */
export const endOf = (month: string) => `ends ${month}`

/** The same of a saved card that is charged still, and ends soon: once for each month that it ends with. */
export function mailsOfEnding(
  {
    dodoSubscriptionId,
    payerKey,
    cardEnds,
  }: Pick<Card, 'dodoSubscriptionId' | 'payerKey'> & {
    cardEnds: string | null
  },
  collecting: Collecting,
  at: Date,
): PlannedMail[] {
  if (!isCardTold(collecting) || cardEnds === null) return []
  const [year = 0, month = 0] = cardEnds.split('-').map(Number)
  const leftMs = Date.UTC(year, month, 1) - at.getTime()
  if (leftMs <= 0 || leftMs > ENDING_MS) return []
  const occasion = endOf(cardEnds)
  return [{ kind: 'card', subject: dodoSubscriptionId, occasion, payerKey, dueAt: at }]
}

type Card = {
  dodoSubscriptionId: string
  payerKey: string
  status: string
  refusal: string | null
  stoppedAt: Date | null
  renewedAt: Date
}

/** Dodo itself mails who cancels; what a person stopped is known to whoever asked for it. */
const UNUSABLE = ['on_hold', 'failed', 'expired']

/** The same of a saved card that cannot be charged any more, until it is renewed. */
export function mailsOfCard(card: Card, collecting: Collecting, at: Date): PlannedMail[] {
  const { dodoSubscriptionId, payerKey, status, refusal, stoppedAt, renewedAt } = card
  const isUnusable = UNUSABLE.includes(status) || (status === 'active' && refusal !== null)
  if (!isCardTold(collecting) || !isUnusable || stoppedAt) return []
  return [
    {
      kind: 'card',
      subject: dodoSubscriptionId,
      occasion: renewedAt.toISOString(),
      payerKey,
      dueAt: new Date(at.getTime() + WAIT_MS),
    },
  ]
}
