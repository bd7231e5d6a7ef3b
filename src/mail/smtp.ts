import { Readable } from 'node:stream'

import { isPrivate } from '../env/private-address.ts'
import { messageOf } from '../errors.ts'

const CONNECT_MS = 10_000
const SILENCE_MS = 20_000
const MAX_ANSWER = 300

export type Message = {
  from: string
  to: string
  cc: readonly string[]
  replyTo: string | undefined
  subject: string
  text: string
  html: string
  messageId: string
  /** The merchant's, shown by its content id. */
  logo: { type: string; bytes: Uint8Array } | undefined
}

/** How it went; `again` may work later, `refused` never will, and `bounced` with none of their mails. */
export type Handed =
  | { is: 'sent'; answer: string }
  | { is: 'again'; why: string }
  | { is: 'refused'; why: string }
  | { is: 'bounced'; why: string }

export const LOGO_ID = 'logo@bridge'

/** A connection for one mail. A password travels in clear within networks of one's own only. */
export async function openSmtp(smtpUrl: string) {
  // Loaded with the first mail: most merchants send none.
  const { createTransport } = await import('nodemailer')
  const url = new URL(smtpUrl)
  const isSecret = url.username !== '' || url.password !== ''
  return createTransport({
    url: smtpUrl,
    ...(isSecret && !isPrivate(url.hostname) && { requireTLS: true }),
    connectionTimeout: CONNECT_MS,
    greetingTimeout: CONNECT_MS,
    socketTimeout: SILENCE_MS,
    disableFileAccess: true,
    disableUrlAccess: true,
  })
}

/** Hands a message over. What was handed over whole before the connection broke counts as sent. */
export async function handOver(smtpUrl: string, message: Message): Promise<Handed> {
  const { from, to, cc, replyTo, subject, text, html, messageId, logo } = message
  const { default: MailComposer } = await import('nodemailer/lib/mail-composer')
  const composed = new MailComposer({
    from,
    to,
    cc: [...cc],
    replyTo,
    subject,
    text,
    html,
    messageId,
    headers: { 'Auto-Submitted': 'auto-generated' },
    disableFileAccess: true,
    disableUrlAccess: true,
    attachments: logo
      ? [
          {
            filename: `logo.${logo.type.split('/')[1] ?? 'png'}`,
            content: Buffer.from(logo.bytes),
            contentType: logo.type,
            contentDisposition: 'inline',
            cid: LOGO_ID,
          },
        ]
      : [],
  }).compile()
  const envelope = composed.getEnvelope()
  const raw = Readable.from([await composed.build()])
  let isHandedOver = false
  raw.once('end', () => {
    isHandedOver = true
  })
  const transport = await openSmtp(smtpUrl)
  try {
    const { response } = await transport.sendMail({
      envelope: { from: envelope.from || '', to: envelope.to },
      raw,
    })
    return { is: 'sent', answer: response.slice(0, MAX_ANSWER) }
  } catch (error) {
    return judge(error, isHandedOver)
  } finally {
    transport.close()
  }
}

type SmtpError = { responseCode?: number; command?: string; code?: string }

/** What the server said decides; that it said nothing after it had all of it is no reason to send it twice. */
function judge(error: unknown, isHandedOver: boolean): Handed {
  const { responseCode = 0, command = '' } = error as SmtpError
  // Servers repeat the address, which is in no log.
  const why = messageOf(error)
    .replaceAll(/[^\s<>@"':,;]+@/g, '…@')
    .slice(0, MAX_ANSWER)
  if (responseCode === 0 && isHandedOver) return { is: 'sent', answer: `no answer: ${why}` }
  const isForEver = responseCode >= 500 && responseCode < 600
  // 5.7 is what the server thinks of us, not of the mailbox: a setting mends it.
  const isAboutUs = / 5\.7\./.test(why)
  if (isForEver && command === 'RCPT TO' && !isAboutUs) return { is: 'bounced', why }
  if (isForEver && command === 'DATA') return { is: 'refused', why }
  return { is: 'again', why }
}
