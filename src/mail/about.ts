import { and, asc, desc, eq, gt, inArray, ne, notInArray, sql } from 'drizzle-orm'

import { isChargeable } from '../collect/chargeable.ts'
import { loadAttempts, payUrlOf } from '../collect/load.ts'
import { declineOf, isForConfirming } from '../customer/declines.ts'
import { today } from '../customer/format.ts'
import type { Texts, MailText } from '../customer/texts/texts.ts'
import {
  accountPages,
  attempts,
  mails,
  mandates,
  members,
  payers,
  receivables,
  shares,
} from '../db/schema.ts'
import type { Deps } from '../deps.ts'
import type { MailRow } from './mails.ts'
import { endOf } from './plan.ts'

type Looking = Pick<Deps, 'config' | 'db' | 'now'>
type Sum = { amount: number; currency: string }
/** What a mail tells, as it is at this moment. */
export type About = {
  text: MailText
  number: string | null
  billingEntity: string | null
  sum: Sum | null
  dueOn: string | null
  /** The last month of a card, like `2032-06`. */
  month?: string
  /** Why the bank said no, where that is for the customer to know. */
  decline: keyof Texts['declines'] | undefined
  /** When the card is charged again; null when it is not. Undefined where there is no card. */
  againAt: Date | null | undefined
  /** Several invoices, each with what is due. */
  list: readonly { number: string; sum: Sum }[]
  payUrl: string | undefined
}
type Judged = { about: About } | { why: string }

const OWED = ['open', 'failed'] as const
const MAX_LISTED = 50
const DAY = sql`interval '1 day'`

const NOTHING = {
  number: null,
  billingEntity: null,
  sum: null,
  dueOn: null,
  decline: undefined,
  againAt: undefined,
  list: [],
} satisfies Omit<About, 'text' | 'payUrl'>

/** What a mail would tell now, or why there is nothing to be told any more. */
export function judge(deps: Looking, mail: MailRow): Promise<Judged> {
  if (mail.kind === 'card') return judgeCard(deps, mail)
  if (mail.kind === 'account') return judgeAccount(deps, mail)
  return mail.kind === 'request' ? judgeRequest(deps, mail) : judgeInvoice(deps, mail)
}

type Owed = { row: typeof receivables.$inferSelect; currency: string }

async function findOwed({ db }: Looking, receivableId: string): Promise<Owed | { why: string }> {
  const [row] = await db
    .select()
    .from(receivables)
    .where(eq(receivables.receivableId, receivableId))
  if (!row) return { why: 'it is not known any more' }
  const isOwed = OWED.some((state) => state === row.state) && row.amountDue > 0
  if (!isOwed || row.currency === null) return { why: `it is ${row.state} by now` }
  return { row, currency: row.currency }
}

async function judgeInvoice(deps: Looking, { kind, subject, occasion }: MailRow): Promise<Judged> {
  const owed = await findOwed(deps, subject)
  if ('why' in owed) return owed
  const { row, currency } = owed
  const about = {
    ...NOTHING,
    number: row.number,
    billingEntity: row.billingEntity,
    sum: { amount: row.amountDue, currency },
    dueOn: row.dueOn,
    payUrl: payUrlOf(deps.config.publicUrl, row.payToken),
  }
  if (kind === 'invoice') return { about: { ...about, text: 'invoice' } }
  if (kind === 'reminder') {
    if (await isAskedTogether(deps, subject)) return { why: 'a payment request asks for it' }
    const isLate = row.dueOn !== null && row.dueOn < (await todayOf(deps, row.payerKey))
    return { about: { ...about, text: isLate ? 'overdue' : 'soon' } }
  }
  const known = await loadAttempts(deps.db, subject)
  // Others that ask for it as well count their attempts for themselves.
  const charge = known.find(
    ({ receivableId, number }) => receivableId === subject && String(number) === occasion,
  )
  const code = charge?.declineCode ?? null
  return {
    about: {
      ...about,
      text: isForConfirming(code) ? 'confirm' : 'failed',
      decline: declineOf(code),
      // While a payment that was begun is waited for, the next look is no try.
      againAt: row.isPayable ? row.nextWakeAt : undefined,
    },
  }
}

/** What day it is where a customer is. */
async function todayOf({ db, now }: Looking, payerKey: string | null): Promise<string> {
  const [page] = await db
    .select({ timezone: accountPages.timezone })
    .from(accountPages)
    .where(eq(accountPages.payerKey, payerKey ?? ''))
  return today(now(), page?.timezone ?? null)
}

async function isAskedTogether({ db }: Looking, memberId: string): Promise<boolean> {
  const [asking] = await db
    .select({ id: receivables.receivableId })
    .from(members)
    .innerJoin(receivables, eq(receivables.receivableId, members.receivableId))
    .where(
      and(
        eq(members.memberId, memberId),
        eq(receivables.kind, 'payment_request'),
        inArray(receivables.state, [...OWED]),
      ),
    )
    .limit(1)
  return asking !== undefined
}

async function judgeRequest(deps: Looking, { subject }: MailRow): Promise<Judged> {
  const owed = await findOwed(deps, subject)
  if ('why' in owed) return owed
  const { row, currency } = owed
  // What its checkout asks for now: Lago goes on naming as due what was paid otherwise.
  const asked = await deps.db
    .select({ invoice: receivables, amount: shares.amount })
    .from(shares)
    .innerJoin(attempts, eq(attempts.id, shares.attemptId))
    .innerJoin(receivables, eq(receivables.receivableId, shares.receivableId))
    .where(and(eq(attempts.receivableId, subject), shares.isLive, gt(shares.amount, 0)))
    .orderBy(asc(shares.position))
  // Of a checkout for an old sum, which is replaced when somebody comes, there is nothing to list.
  const isSame = asked.reduce((sum, { amount }) => sum + amount, 0) === row.amountDue
  const list = isSame ? asked.slice(0, MAX_LISTED) : []
  return {
    about: {
      ...NOTHING,
      text: 'request',
      billingEntity: asked[0]?.invoice.billingEntity ?? null,
      sum: { amount: row.amountDue, currency },
      list: list.map(({ invoice, amount }) => listed({ ...invoice, amountDue: amount })),
      payUrl: payUrlOf(deps.config.publicUrl, row.payToken),
    },
  }
}

const listed = ({ number, amountDue, currency }: typeof receivables.$inferSelect) => ({
  number: number ?? '',
  sum: { amount: amountDue, currency: currency ?? '' },
})

async function judgeCard({ config, db, now }: Looking, mail: MailRow): Promise<Judged> {
  const { subject, occasion, payerKey } = mail
  const [card] = await db.select().from(mandates).where(eq(mandates.dodoSubscriptionId, subject))
  if (card?.cardEnds && occasion === endOf(card.cardEnds) && !card.stoppedAt)
    return judgeEnding({ config, db, now }, { card, month: card.cardEnds })
  if (!card || card.renewedAt.toISOString() !== occasion || card.stoppedAt)
    return { why: 'the card was renewed, or stopped, by now' }
  const [other] = await db
    .select({ id: mandates.dodoSubscriptionId })
    .from(mandates)
    .where(and(eq(mandates.payerKey, payerKey), eq(mandates.currency, card.currency), isChargeable))
    .limit(1)
  if (other) return { why: 'another card is saved by now' }
  const since = sql`${now().toISOString()}::timestamptz - ${DAY}`
  const [told] = await db
    .select({ id: mails.id })
    .from(mails)
    .where(
      and(
        eq(mails.payerKey, payerKey),
        eq(mails.kind, 'failed'),
        notInArray(mails.state, ['suppressed', 'failed']),
        sql`${mails.plannedAt} > ${since}`,
      ),
    )
    .limit(1)
  if (told) return { why: 'the mail about the declined payment tells it' }
  return aboutCard({ config, db }, payerKey, { text: 'card' })
}

type Ending = { card: typeof mandates.$inferSelect; month: string }

/** Of a card that ends soon: unless it cannot be charged anyway, or another one is charged from now on. */
async function judgeEnding(deps: Looking, { card, month }: Ending): Promise<Judged> {
  const { payerKey, currency, dodoSubscriptionId } = card
  const chargeable = await deps.db
    .select()
    .from(mandates)
    .where(and(eq(mandates.payerKey, payerKey), eq(mandates.currency, currency), isChargeable))
    .orderBy(desc(mandates.renewedAt))
  const [newest] = chargeable
  if (!newest) return { why: 'the card cannot be charged any more' }
  if (newest.dodoSubscriptionId !== dodoSubscriptionId)
    return { why: 'another card is saved by now' }
  return aboutCard(deps, payerKey, { text: 'cardEnds', month })
}

async function aboutCard(
  { config, db }: Pick<Looking, 'config' | 'db'>,
  payerKey: string,
  said: Pick<About, 'text' | 'month'>,
): Promise<Judged> {
  const [payer] = await db.select().from(payers).where(eq(payers.payerKey, payerKey))
  const [newest] = await db
    .select({ billingEntity: receivables.billingEntity })
    .from(receivables)
    .where(eq(receivables.payerKey, payerKey))
    .orderBy(desc(receivables.createdAt))
    .limit(1)
  if (!payer) return { why: 'the customer is not known any more' }
  return {
    about: {
      ...NOTHING,
      ...said,
      billingEntity: newest?.billingEntity ?? null,
      payUrl: payUrlOf(config.publicUrl, payer.payToken),
    },
  }
}

/** All that is open, in one. */
async function judgeAccount({ db }: Looking, { payerKey }: MailRow): Promise<Judged> {
  const open = await db
    .select()
    .from(receivables)
    .where(
      and(
        eq(receivables.payerKey, payerKey),
        eq(receivables.kind, 'invoice'),
        inArray(receivables.state, [...OWED]),
        ne(receivables.amountDue, 0),
      ),
    )
    .orderBy(asc(receivables.createdAt))
    .limit(MAX_LISTED)
  if (open.length === 0) return { why: 'nothing is open by now' }
  return {
    about: {
      ...NOTHING,
      text: 'account',
      billingEntity: open[0]?.billingEntity ?? null,
      list: open.map(listed),
      payUrl: undefined,
    },
  }
}
