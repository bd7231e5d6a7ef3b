import { createHash } from 'node:crypto'

import { accountUrlOf, ensureAccount } from '../collect/account.ts'
import { note } from '../collect/timeline.ts'
import type { Brand, Brands } from '../customer/brand.ts'
import { chooseSpeech } from '../customer/language.ts'
import { keepDeadLetter } from '../deliveries/dead-letters.ts'
import type { Deps } from '../deps.ts'
import { messageOf } from '../errors.ts'
import type { LagoBrand, LagoCustomer } from '../lago/objects.ts'
import { judge, type About } from './about.ts'
import { writeHtml, writeText } from './letter.tsx'
import {
  beginMail,
  endMail,
  listBounced,
  noteTry,
  planAgain,
  MOST_A_DAY,
  planOneOfAll,
  type BegunMail,
  type MailRow,
} from './mails.ts'
import { isMailOn } from './plan.ts'
import { handOver, type Handed, type Message } from './smtp.ts'
import { writeLetter } from './write-letter.ts'

export type MailDeps = Pick<Deps, 'config' | 'db' | 'queue' | 'lago' | 'log' | 'now'> & {
  brands: Brands
  /** Whether this Lago mails nothing itself, for want of a licence. */
  isUnlicensed: () => Promise<boolean>
  /** Hears how each mail ended, or a try failed. */
  onMailed: (kind: MailRow['kind'], result: 'sent' | 'failed' | 'suppressed') => void
}

const DAY_MS = 24 * 3_600_000
/** After this it is no news any more. */
const GIVE_UP_MS = 2 * DAY_MS
const MAX_COPIES = 9

/** Sends one mail, unless there is nothing to be told any more. Whatever fails is tried again, and holds up nothing. */
export async function sendMail(deps: MailDeps, id: string, isOperator: boolean): Promise<void> {
  if (isOperator) await planAgain(deps, id)
  const mail = await beginMail(deps, id)
  if (!mail) return
  try {
    await send(deps, mail)
  } catch (error) {
    await retry(deps, mail, messageOf(error))
  }
}

async function send(deps: MailDeps, mail: BegunMail) {
  const { config, lago } = deps
  const isWanted = mail.kind === 'account' || config.mail.kinds.includes(mail.kind)
  if (!isMailOn(config.mail) || !isWanted) return suppress(deps, mail, 'it is switched off by now')
  const judged = await judge(deps, mail)
  if ('why' in judged) return suppress(deps, mail, judged.why)
  const { about } = judged
  const customer = await lago.findCustomer(mail.payerKey)
  if (!customer) return suppress(deps, mail, 'Lago does not have this customer any more')
  const to = await recipientsOf(deps, mail, customer)
  if ('why' in to) return suppress(deps, mail, to.why)
  const entity = await lago.findBrand(about.billingEntity ?? undefined)
  if (mail.kind === 'invoice' && (await isMailedByLago(deps, entity)))
    return suppress(deps, mail, 'Lago mails the invoices of this billing entity itself')
  if (mail.kind !== 'account' && mail.isTooMuch) return fold(deps, mail)
  const message = await compose(deps, mail, { about, customer, entity, to })
  await end(deps, mail, message.to, await handOver(config.mail.smtpUrl ?? '', message))
}

/** Lago mails with a premium licence, from an entity that has an address, whatever else it is set to. */
async function isMailedByLago(deps: MailDeps, entity: LagoBrand): Promise<boolean> {
  const isSet = entity.email !== null && entity.emailSettings.includes('invoice.finalized')
  return isSet && !(await deps.isUnlicensed())
}

type Recipients = { to: string; cc: string[] } | { why: string }

/** In test mode nobody is mailed who might be a customer. */
async function recipientsOf(
  { config, db }: MailDeps,
  { payerKey }: MailRow,
  { email }: LagoCustomer,
): Promise<Recipients> {
  const { testTo } = config.mail
  if (config.dodo.environment === 'test')
    return testTo === undefined
      ? { why: 'in test mode mail goes to MAIL_TEST_TO only' }
      : { to: testTo, cc: [] }
  const given = (email ?? '')
    .split(',')
    .map((one) => one.trim())
    .filter((one) => /^[^\s@<>"';]+@[^\s@<>"';]+$/.test(one))
  if (given.length === 0) return { why: 'the customer has no e-mail address in Lago' }
  const bounced = await listBounced(db, payerKey)
  const [to, ...cc] = given.filter((one) => !bounced.includes(one))
  return to === undefined
    ? { why: 'nobody takes mail at the address that Lago has' }
    : { to, cc: cc.slice(0, MAX_COPIES) }
}

/** One mail for all that would be too many, when the day is over. */
async function fold({ db, now, onMailed }: MailDeps, mail: MailRow) {
  const at = now()
  const { id, kind, payerKey, subject } = mail
  await db.transaction(async (tx) => {
    const reason = `more than ${MOST_A_DAY} a day: one mail tells of all`
    if (!(await endMail(tx, id, { state: 'folded', reason }, at))) return
    await planOneOfAll(tx, payerKey, at)
    if (isOfReceivable(kind)) await note(tx, subject, `mail "${kind}" not sent: ${reason}`, at)
  })
  onMailed(kind, 'suppressed')
}

type Composing = {
  about: About
  customer: LagoCustomer
  entity: LagoBrand
  to: { to: string; cc: string[] }
}

async function compose(
  deps: MailDeps,
  mail: MailRow,
  { about, customer, entity, to }: Composing,
): Promise<Message> {
  const { config, brands } = deps
  const brand = await brands.of(about.billingEntity)
  const from = config.mail.from ?? ''
  const merchant = merchantOf(brand, from)
  const known = customer.billing_configuration?.document_locale ?? entity.language
  const account = await ensureAccount(deps, mail.payerKey)
  const letter = writeLetter({
    about,
    speech: chooseSpeech({ known }),
    timezone: customer.applicable_timezone,
    merchant,
    brand,
    color: config.customers.color,
    accountUrl: accountUrlOf(config.publicUrl, account.token),
  })
  return {
    ...to,
    from: senderOf(merchant, from),
    replyTo: brand.supportEmail,
    subject: oneLine(letter.subject),
    text: writeText(letter),
    html: writeHtml(letter),
    messageId: messageIdOf(mail, config.publicUrl),
    logo: brand.logo && { type: brand.logo.type, bytes: brand.logo.bytes },
  }
}

/** A bare address gets the merchant's name before it. */
export const senderOf = (merchant: string, from: string): string =>
  from.includes('<') ? from : `"${merchant.replaceAll(/["\\\r\n]/g, '')}" <${from}>`

const oneLine = (text: string) => text.replaceAll(/\s+/g, ' ').trim()

/** Who it is from, when nobody says what they are called. */
export const merchantOf = ({ name }: Pick<Brand, 'name'>, from: string): string =>
  name ?? (/^\s*"?([^"<]+?)"?\s*</.exec(from)?.[1] || from)

/** The same for the same occasion, so that a mailbox drops it when it comes again. */
export function messageIdOf(
  { kind, subject, occasion }: Pick<MailRow, 'kind' | 'subject' | 'occasion'>,
  publicUrl: string,
): string {
  const named = createHash('sha256')
    .update(JSON.stringify([kind, subject, occasion]))
    .digest('hex')
  return `<${named.slice(0, 32)}@${new URL(publicUrl).hostname}>`
}

async function end(deps: MailDeps, mail: MailRow, address: string, handed: Handed) {
  if (handed.is === 'again') return retry(deps, mail, handed.why)
  if (handed.is === 'sent') {
    await finish(deps, mail, { state: 'sent', line: `mail "${mail.kind}" sent` })
    deps.log.info({ mail: mail.id, kind: mail.kind, answer: handed.answer }, 'mail sent')
    deps.onMailed(mail.kind, 'sent')
    return
  }
  await fail(deps, mail, handed.why, handed.is === 'bounced' ? address : null)
}

/** The server said no for good, or for long enough. */
async function fail(deps: MailDeps, mail: MailRow, why: string, address: string | null) {
  const { id, kind } = mail
  const line = `mail "${kind}" not sent: ${why}`
  await finish(deps, mail, { state: 'failed', reason: why, address, line })
  await keepDeadLetter(deps, { kind: 'mail', key: id, error: why })
  deps.log.error({ mail: id, kind }, 'mail given up')
  deps.onMailed(kind, 'failed')
}

async function retry(deps: MailDeps, mail: MailRow, why: string) {
  deps.onMailed(mail.kind, 'failed')
  if (deps.now().getTime() - mail.plannedAt.getTime() >= GIVE_UP_MS)
    return fail(deps, mail, why, null)
  await noteTry(deps.db, mail.id, why)
  deps.log.warn({ mail: mail.id, kind: mail.kind, error: why }, 'mail not taken, will be repeated')
}

async function suppress(deps: MailDeps, mail: MailRow, reason: string) {
  const line = `mail "${mail.kind}" not sent: ${reason}`
  await finish(deps, mail, { state: 'suppressed', reason, line })
  deps.onMailed(mail.kind, 'suppressed')
}

type Finishing = Parameters<typeof endMail>[2] & { line: string }

/** Of what it was about, the timeline tells it. */
async function finish({ db, now }: MailDeps, mail: MailRow, { line, ...ending }: Finishing) {
  const at = now()
  await db.transaction(async (tx) => {
    const isEnded = await endMail(tx, mail.id, ending, at)
    if (isEnded && isOfReceivable(mail.kind)) await note(tx, mail.subject, line, at)
  })
}

const isOfReceivable = (kind: MailRow['kind']) => kind !== 'card' && kind !== 'account'
