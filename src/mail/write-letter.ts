import { writeBooks, writeDate, writeDay, writeMonth } from '../customer/format.ts'
import type { Brand } from '../customer/brand.ts'
import { fill, type Speech } from '../customer/language.ts'
import type { About } from './about.ts'
import type { Letter } from './letter.tsx'

type Writing = {
  about: About
  speech: Speech
  timezone: string | null
  /** The brand's name, or else who it is from. */
  merchant: string
  brand: Brand
  color: string | undefined
  accountUrl: string
}

/** What is mailed, in words. */
export function writeLetter(writing: Writing): Letter {
  const { about, speech, merchant, brand, color, accountUrl } = writing
  const { locale, texts } = speech
  const { mail, page } = texts
  const { sum, dueOn, text } = about
  const values = {
    merchant,
    number: about.number ?? '',
    ...(sum && { sum: writeBooks(sum.amount, sum.currency, locale) }),
    ...(dueOn && { date: writeDay(dueOn, locale) }),
    ...(about.month && { month: writeMonth(about.month, locale) }),
  }
  const subject = text === 'invoice' && !dueOn ? mail.subject.invoiceUndated : mail.subject[text]
  const action = {
    label: text === 'card' || text === 'cardEnds' ? mail.saveCard : mail.pay,
    url: about.payUrl ?? accountUrl,
  }
  const isAlsoAccount = action.url !== accountUrl
  return {
    speech,
    merchant,
    color,
    hasLogo: brand.logo !== undefined,
    subject: fill(subject, values),
    paragraphs: [fill(mail.intro[text], values), ...whyAndWhen(writing)],
    rows: rowsOf(writing, values),
    action,
    account: isAlsoAccount ? { label: mail.all, url: accountUrl } : undefined,
    closing: [page.seller, askOf(brand, mail)],
  }
}

/** Why the bank said no, and when it is asked again. */
function whyAndWhen({ about, speech, timezone }: Writing): string[] {
  const { mail, declines } = speech.texts
  const { decline, againAt } = about
  const why = decline ? [declines[decline]] : []
  if (againAt === undefined) return why
  if (againAt === null) return [...why, mail.notAgain]
  return [...why, fill(mail.again, { date: writeDate(againAt, speech.locale, timezone) })]
}

function rowsOf({ about, speech }: Writing, values: Record<string, string>): Letter['rows'] {
  const { mail } = speech.texts
  const { sum, date } = values
  const list = about.list.map(
    (one) => [one.number, writeBooks(one.sum.amount, one.sum.currency, speech.locale)] as const,
  )
  return [
    ...list,
    ...(sum === undefined ? [] : [[mail.amountDue, sum] as const]),
    ...(date === undefined ? [] : [[mail.dueOn, date] as const]),
  ]
}

function askOf({ supportEmail, supportUrl }: Brand, mail: Speech['texts']['mail']): string {
  const address = supportEmail ?? supportUrl
  return address === undefined ? mail.answer : fill(mail.ask, { address })
}
