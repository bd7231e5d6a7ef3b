import { and, eq, gt, isNotNull } from 'drizzle-orm'

import { mails } from '../db/schema.ts'
import { messageOf } from '../errors.ts'
import { isMailOn } from '../mail/plan.ts'
import { openSmtp } from '../mail/smtp.ts'
import { count } from '../print/text.ts'
import { fail, ok, skip, warn, type Check } from './check.ts'
import type { Patient } from './patient.ts'

const MAX_ANSWER = 200

/** Greets the server, turns on TLS and signs in; sends nothing. */
export const smtp: Check = {
  id: 'smtp',
  limitMs: 20_000,
  async run({ config: { mail } }) {
    if (mail.smtpUrl === undefined) return skip('no SMTP_URL')
    const { host } = new URL(mail.smtpUrl)
    const transport = await openSmtp(mail.smtpUrl)
    try {
      await transport.verify()
    } catch (error) {
      return fail(`${host}: ${messageOf(error).slice(0, MAX_ANSWER)}`, fixOf(error))
    } finally {
      transport.close()
    }
    const kinds =
      mail.kinds.length > 0 ? mail.kinds.join(', ') : 'nothing: CUSTOMER_EMAILS is empty'
    return ok(`${host} greets, and lets us in; customers are mailed ${kinds}`)
  },
}

function fixOf(error: unknown): string {
  const { code } = error as { code?: string }
  if (code === 'EAUTH') return 'take user and password in SMTP_URL from whoever runs the server'
  if (code === 'ETLS')
    return 'the server has no TLS that is trusted: smtps:// for port 465, or NODE_EXTRA_CA_CERTS for a certificate of your own'
  return 'look at host and port in SMTP_URL: 587 with smtp://, 465 with smtps://; providers of clouds often close 25'
}

/** Whether mail goes out. */
export const mail: Check = {
  id: 'mail',
  needs: ['schema'],
  async run({ ledger, config, now }) {
    if (!isMailOn(config.mail)) return skip('customers are not mailed')
    if (config.dodo.environment === 'test' && config.mail.testTo === undefined)
      return warn('in test mode nothing is sent', 'set MAIL_TEST_TO to an address of your own')
    const { db } = await ledger()
    const week = new Date(now().getTime() - 7 * 24 * 3_600_000)
    const [sent, failed, [tried]] = await Promise.all([
      db.$count(mails, and(eq(mails.state, 'sent'), gt(mails.endedAt, week))),
      db.$count(mails, and(eq(mails.state, 'failed'), gt(mails.endedAt, week))),
      db
        .select({ reason: mails.reason })
        .from(mails)
        .where(and(eq(mails.state, 'waiting'), isNotNull(mails.reason)))
        .limit(1),
    ])
    const evidence = `in 7 days ${count(sent, 'mail')} sent, ${failed} not taken`
    if (tried?.reason)
      return warn(`${evidence}; being repeated: ${tried.reason}`, 'look at the check smtp')
    return failed === 0 ? ok(evidence) : warn(evidence, 'run `bridge dead-letters --kind mail`')
  },
}

/** Whether Lago tells customers of the same invoices. */
export const lagoMail: Check = {
  id: 'lago.mail',
  needs: ['lago.key'],
  async run({ config, lago }: Patient) {
    const { kinds } = config.mail
    if (!isMailOn(config.mail)) return skip('customers are not mailed by the bridge')
    const entity = await lago.findBrand()
    const theirs = entity.emailSettings.join(', ') || 'nothing'
    const evidence = `the organisation's own mails: ${theirs}`
    const isTwice = kinds.includes('invoice') && entity.emailSettings.includes('invoice.finalized')
    return isTwice
      ? warn(
          `${evidence}; the bridge sends none for such invoices`,
          'take invoice out of CUSTOMER_EMAILS, or turn off invoice.finalized in Lago',
        )
      : ok(evidence)
  },
}

/** Dodo mails receipts by itself; what it is set to mail beyond that no answer of its API tells (SDK 2.52). */
export const dodoMail: Check = {
  id: 'dodo.mail',
  async run({ config }) {
    if (!isMailOn(config.mail)) return skip('customers are not mailed by the bridge')
    const isTwice = config.mail.kinds.includes('failed')
    const evidence = "Dodo's API does not tell which mails it sends"
    return skip(
      isTwice
        ? `${evidence}: leave *payment failed*, which is off at first, off in its settings, since the bridge sends it`
        : evidence,
    )
  },
}
