import { and, eq, gte } from 'drizzle-orm'
import { z } from 'zod'

import { keyIn } from '../../account-key.ts'
import { deliveries, payments } from '../../db/schema.ts'
import type { Deps } from '../../collect/deps.ts'
import { InvalidSignature } from '../../errors.ts'
import { readEvent } from '../../inbox/envelope.ts'
import type { Receive } from '../../inbox/receive.ts'
import { wake } from '../../wakes.ts'
import { NotInTime, waitFor } from '../orders/look.ts'

type Relaying = Pick<Deps, 'accounts' | 'db' | 'queue' | 'now'> & { receive: Receive }

const MAX_HEADER_LENGTH = 200
const SIGNED = ['webhook-id', 'webhook-timestamp', 'webhook-signature'] as const
const Refund = z.object({ data: z.looseObject({ refund_id: z.string() }) })

/** What an event of Dodo is about, once Dodo itself was read. */
export type Heard = {
  /** As Dodo names it. */
  eventType: string
  dodoPaymentId: string | undefined
  dodoRefundId: string | undefined
}

/**
 * Takes an event of Dodo that somebody had a shop hand on as if Dodo had sent it here: the signature is all that makes
 * it genuine, and what it says is read from Dodo once more. One that is old is taken only if it came before, since
 * whoever has seen it once may send it again for ever. Throws `InvalidSignature` and `MalformedEvent`, after which
 * nothing is stored, and `NotInTime`.
 */
export async function hearRelayed(
  deps: Relaying,
  account: string,
  { bytes, headers }: { bytes: Buffer; headers: Record<string, string> },
): Promise<Heard> {
  const signed = Object.fromEntries(SIGNED.map((name) => [name, headers[name] ?? '']))
  const id = signed['webhook-id'] ?? ''
  // In JSON it may hold what no header over HTTP does, and no text of Postgres.
  if (id === '' || id.length > MAX_HEADER_LENGTH || id.includes('\0'))
    throw new InvalidSignature('webhook-id is no id')
  const deliveryId = keyIn(account, id)
  const keys = await deps.accounts.of(account)
  if (!keys) throw new InvalidSignature('there is no such account')
  const verifiedWith = keys.verify(bytes, signed, { isAnyAge: await isInInbox(deps, deliveryId) })
  const { organizationId: _none, ...event } = readEvent({ source: 'dodo', deliveryId }, bytes)
  const askedAt = deps.now()
  const timestamp = (signed['webhook-timestamp'] ?? '').slice(0, MAX_HEADER_LENGTH)
  const kept = { 'webhook-timestamp': timestamp }
  const told = { source: 'dodo' as const, deliveryId, headers: kept, verifiedWith, body: bytes }
  const { duplicate } = await deps.receive({ ...told, ...event })
  const dodoPaymentId = event.dodoPaymentId ?? undefined
  // What is about no payment is nobody's to wait for.
  if (event.wakes === 'trace' && dodoPaymentId !== undefined) {
    if (duplicate) await wake(deps, 'trace', [keyIn(account, dodoPaymentId)], 'customer')
    await awaitProcessed(deps, deliveryId)
    if (duplicate) await awaitRead(deps, dodoPaymentId, askedAt)
  }
  const refund = Refund.safeParse(JSON.parse(bytes.toString('utf8')))
  return { eventType: event.eventType, dodoPaymentId, dodoRefundId: refund.data?.data.refund_id }
}

const isDelivery = (deliveryId: string) =>
  and(eq(deliveries.source, 'dodo'), eq(deliveries.deliveryId, deliveryId))

async function isInInbox({ db }: Relaying, deliveryId: string): Promise<boolean> {
  const rows = await db
    .select({ deliveryId: deliveries.deliveryId })
    .from(deliveries)
    .where(isDelivery(deliveryId))
  return rows.length > 0
}

async function awaitProcessed({ db }: Relaying, deliveryId: string) {
  const processed = await waitFor(async () => {
    const [row] = await db
      .select({ at: deliveries.processedAt })
      .from(deliveries)
      .where(isDelivery(deliveryId))
    return row?.at ?? undefined
  })
  if (!processed) throw new NotInTime('Dodo did not answer in time')
}

/** It was processed when it first came: what is waited for is a new look at a payment that we know. */
async function awaitRead({ db }: Relaying, dodoPaymentId: string, askedAt: Date) {
  const find = (since: Date) =>
    db
      .select({ id: payments.dodoPaymentId })
      .from(payments)
      .where(and(eq(payments.dodoPaymentId, dodoPaymentId), gte(payments.observedAt, since)))
      .then((rows) => rows[0])
  if (!(await find(new Date(0)))) return
  if (!(await waitFor(() => find(askedAt)))) throw new NotInTime('Dodo did not answer in time')
}
