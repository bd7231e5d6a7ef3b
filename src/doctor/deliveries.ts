import { and, desc, eq } from 'drizzle-orm'

import type { Database } from '../db/client.ts'
import { deliveries, receivables } from '../db/schema.ts'
import { findRefused, isSent } from '../inbox/refused.ts'
import { count } from '../print/text.ts'
import { fail, ok, warn, type Finding } from './check.ts'
import { nameKey } from '../name-key.ts'
import type { Patient } from './patient.ts'
import { ageOf } from './text.ts'

type Source = 'lago' | 'dodo'

/** When a delivery that was really sent last proved its signature; our own do not count. */
async function findLastVerified(db: Database, source: Source): Promise<Date | undefined> {
  const [last] = await db
    .select({ at: deliveries.receivedAt })
    .from(deliveries)
    .where(and(eq(deliveries.source, source), isSent))
    .orderBy(desc(deliveries.receivedAt))
    .limit(1)
  return last?.at
}

type Service = { source: Source; name: string; variable: string }

/**
 * What is known of a secret, and what the deliveries say of it: refused ones since the last that held are a wrong
 * one, and none at all means that they do not arrive. Without a ledger only the former.
 */
export async function withDeliveries(
  { ledger, now }: Pick<Patient, 'ledger' | 'now'>,
  secret: Finding,
  service: Service,
): Promise<Finding> {
  if (secret.verdict === 'fail') return secret
  const opened = await ledger().catch(() => undefined)
  if (!opened || opened.installation.pending.length > 0) return secret
  const finding = await judgeDeliveries(opened.db, service, now())
  return { ...finding, evidence: `${secret.evidence}; ${finding.evidence}` }
}

/** Long enough for a sender that has taken up the new key to have used no other. */
const IDLE_HOURS = 48

/** The first of several keys that has signed nothing for two days, while another has; the list may have been another before. */
export async function findIdleKey(
  { ledger, now }: Pick<Patient, 'ledger' | 'now'>,
  { source, keys }: { source: Source; keys: number },
): Promise<string | undefined> {
  const opened = keys > 1 ? await ledger().catch(() => undefined) : undefined
  if (!opened || opened.installation.pending.length > 0) return undefined
  const since = new Date(now().getTime() - IDLE_HOURS * 3_600_000).toISOString()
  const names = Array.from({ length: keys }, (_, index) => nameKey(index, keys))
  const [seen] = await opened.sql<{ used: string[]; isLong: boolean }[]>`
    select array(select distinct verified_with from deliveries
        where source = ${source} and received_at > ${since} and verified_with = any (${names})) as used,
      exists (select from deliveries
        where source = ${source} and received_at <= ${since} and verified_with = any (${names})) as "isLong"`
  if (!seen?.isLong || seen.used.length === 0) return undefined
  return names.find((name) => !seen.used.includes(name))
}

async function judgeDeliveries(
  db: Database,
  { source, name, variable }: Service,
  now: Date,
): Promise<Finding> {
  const [verifiedAt, refused, known] = await Promise.all([
    findLastVerified(db, source),
    findRefused(db, source),
    db.$count(receivables, eq(receivables.kind, 'invoice')),
  ])
  const verified = verifiedAt ? `last verified ${ageOf(verifiedAt, now)} ago` : 'none verified yet'
  // Anybody may send what is not signed at all. Where nothing was ever verified, something may take the signatures away.
  const since = refused?.latest.filter(({ at }) => verifiedAt && at > verifiedAt) ?? []
  if (refused && since.length > 0 && since.every(({ about }) => about === 'missing'))
    return ok(`${verified}; ${refused.count} refused, none of them signed since`)
  if (refused && (!verifiedAt || refused.lastAt > verifiedAt)) {
    const told = refused.latest.find(({ about }) => about !== 'missing') ?? refused
    return fail(
      `${count(refused.count, 'delivery', 'deliveries')} refused in ${ageOf(refused.since, now)}, the last ${ageOf(refused.lastAt, now)} ago: "${told.reason}"; ${verified}`,
      'about' in told && told.about === 'clock'
        ? 'turn on time synchronisation (NTP) on the machine of the bridge'
        : `set ${variable} to what signs the endpoint of this bridge`,
    )
  }
  if (verifiedAt)
    return ok(refused ? `${verified}; ${refused.count} refused before that` : verified)
  const where =
    name === 'Lago' ? 'Lago > Developers > Webhooks' : 'Dodo > Developer > Webhooks > Logs'
  const fix = `look at ${where}: can ${name} reach PUBLIC_URL? Meanwhile the sweep finds what is due`
  return known > 0
    ? fail(
        `no webhook of ${name} has ever arrived, though ${count(known, 'invoice')} ${known === 1 ? 'is' : 'are'} known`,
        fix,
      )
    : warn(
        `no webhook of ${name} has arrived yet`,
        'bill a first invoice, pay it, and run this again',
      )
}
