import type { Config } from '../config.ts'
import { chooseSpeech } from '../customer/language.ts'
import type { MailText } from '../customer/texts/texts.ts'
import { BadOption } from '../print/bad-option.ts'
import type { Write } from '../print/text.ts'
import type { About } from './about.ts'
import { CHOSEN_KINDS, type ChosenKind } from '../mail-kinds.ts'
import { writeHtml, writeText } from './letter.tsx'
import { merchantOf, senderOf } from './send.ts'
import { handOver } from './smtp.ts'
import { writeLetter } from './write-letter.ts'

export type MailTestOptions = { kind: string; language: string }

const TEXTS: Record<ChosenKind, MailText> = {
  invoice: 'invoice',
  failed: 'failed',
  card: 'card',
  reminder: 'overdue',
  request: 'request',
}

/** Sends one mail with made-up contents at once and prints what the server answers. The exit code is 1 if it does not take it. */
export async function testMail(
  config: Config,
  address: string,
  { kind, language }: MailTestOptions,
  write: Write,
): Promise<number> {
  const { smtpUrl, from } = config.mail
  if (smtpUrl === undefined || from === undefined) {
    write('No mail leaves: set SMTP_URL and MAIL_FROM.')
    return 1
  }
  const chosen = CHOSEN_KINDS.find((one) => one === kind)
  if (!chosen) throw new BadOption(`--kind: write ${CHOSEN_KINDS.join(', ')}`)
  const { customers, publicUrl } = config
  const brand = { ...customers, logo: undefined }
  const merchant = merchantOf(brand, from)
  const letter = writeLetter({
    about: exampleOf(TEXTS[chosen], publicUrl),
    speech: chooseSpeech({ known: language }),
    timezone: null,
    merchant,
    brand,
    color: customers.color,
    accountUrl: `${publicUrl}/account/a-test-of-the-bridge`,
  })
  const handed = await handOver(smtpUrl, {
    to: address,
    cc: [],
    from: senderOf(merchant, from),
    replyTo: customers.supportEmail,
    subject: letter.subject,
    text: writeText(letter),
    html: writeHtml(letter),
    messageId: `<test-${crypto.randomUUID()}@${new URL(publicUrl).hostname}>`,
    logo: undefined,
  })
  const { host } = new URL(smtpUrl)
  if (handed.is === 'sent') {
    write(`${host} took it: ${handed.answer}`)
    return 0
  }
  write(`${host} did not take it: ${handed.why}`)
  return 1
}

function exampleOf(text: MailText, publicUrl: string): About {
  const sum = { amount: 10_800, currency: 'USD' }
  return {
    text,
    number: 'TEST-001',
    billingEntity: null,
    sum: text === 'card' ? null : sum,
    dueOn: text === 'card' || text === 'request' ? null : '2026-12-17',
    decline: text === 'failed' ? 'funds' : undefined,
    againAt: text === 'failed' ? null : undefined,
    list: text === 'request' ? [{ number: 'TEST-001', sum }] : [],
    payUrl: `${publicUrl}/pay/a-test-of-the-bridge`,
  }
}
