import { and, desc, eq, inArray, isNotNull } from 'drizzle-orm'

import { createBrands } from '../customer/brand.ts'
import { contrastOf } from '../customer/look.ts'
import { notifications } from '../db/schema.ts'
import { messageOf } from '../errors.ts'
import { fail, ok, skip, warn, type Check } from './check.ts'
import { ageOf } from './text.ts'

const PATIENCE_MS = 5_000
/** WCAG 2.2, 1.4.3: what is written in the colour is read by everybody. */
const READ_BY_ALL = 4.5

/** Whether the receiver of notifications answers, and what became of the last; sends none. */
export const notifying: Check = {
  id: 'notifications',
  needs: ['schema'],
  async run({ config: { alerts }, fetch, ledger, now }) {
    if (alerts.url === undefined) return skip('no ALERT_WEBHOOK_URL')
    const { host } = new URL(alerts.url)
    const init = { method: 'HEAD', redirect: 'manual', signal: AbortSignal.timeout(PATIENCE_MS) }
    const answer = await fetch(alerts.url, init as RequestInit).catch((error: unknown) => error)
    if (!(answer instanceof Response))
      return fail(`${host} does not answer: ${messageOf(answer)}`, 'look at ALERT_WEBHOOK_URL')
    if (answer.status >= 300 && answer.status < 400)
      return fail(
        `${host} redirects (${answer.status}), which is not followed`,
        'set ALERT_WEBHOOK_URL to the address that it leads to',
      )
    const { db } = await ledger()
    const [[last], [waiting]] = await Promise.all([
      db
        .select()
        .from(notifications)
        .where(inArray(notifications.state, ['sent', 'failed']))
        .orderBy(desc(notifications.endedAt))
        .limit(1),
      db
        .select()
        .from(notifications)
        .where(and(eq(notifications.state, 'waiting'), isNotNull(notifications.error)))
        .limit(1),
    ])
    const tryIt = 'run `bridge notify-test`: it prints the answer'
    if (waiting?.error) return warn(`${host} answers; being repeated: ${waiting.error}`, tryIt)
    if (last?.state === 'failed')
      return fail(`${host} answers, and did not take the last: ${last.error}`, tryIt)
    const when = last?.endedAt ? `the last sent ${ageOf(last.endedAt, now())} ago` : 'none sent yet'
    return ok(`${host} answers; ${when}`)
  },
}

/** What customers see of the merchant: name, logo, colour. */
export const branding: Check = {
  id: 'branding',
  async run({ config, lago, fetch }) {
    const troubles: string[] = []
    const log = {
      info: ({ error }: { error?: unknown }, what: string) =>
        void troubles.push(`${what}: ${String(error)}`),
    }
    const brand = await createBrands({ config, lago, log, fetch }).ask(null)
    const { color, logo: wanted } = config.customers
    const ratio = color === undefined ? undefined : contrastOf(color)
    const evidence = [
      brand.name === undefined ? 'no name' : `“${brand.name}”`,
      brand.logo ? `logo ${brand.logo.type}, ${brand.logo.bytes.length} bytes` : 'no logo',
      ratio === undefined ? 'no colour' : `${color} with ${ratio.toFixed(1)}:1`,
      ...troubles,
    ].join('; ')
    if (brand.name === undefined)
      return warn(`customers see ${evidence}`, 'set MERCHANT_NAME, or a name in Lago')
    if (!brand.logo && (wanted !== undefined || troubles.length > 0))
      return warn(evidence, 'give MERCHANT_LOGO, or Lago, a PNG, JPEG or WebP of at most 200 KB')
    if (ratio !== undefined && ratio < READ_BY_ALL)
      return warn(evidence, `take a MERCHANT_COLOR with ${READ_BY_ALL}:1 on white or on dark`)
    return ok(evidence)
  },
}
