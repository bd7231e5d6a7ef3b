import { Hono, type Context } from 'hono'

import type { Deps } from '../deps.ts'
import { createDodoVerifier } from '../dodo/signature.ts'
import { InvalidSignature } from '../errors.ts'
import { readDeliveryId, readDodoEvent, readLagoEvent } from '../inbox/envelope.ts'
import type { Delivery, Receive } from '../inbox/receive.ts'
import { createBodyRoom } from './body-room.ts'
import { createLagoVerifier } from './lago-verifier.ts'
import { withBody } from './read-body.ts'

/** A usage-heavy invoice embeds one fee for each charge and group, and reaches megabytes. */
export const MAX_BODY_BYTES = 32 * 1024 * 1024

type WebhookDeps = Pick<Deps, 'config' | 'lago' | 'now'> & {
  receive: Receive
  organizationId: () => Promise<string>
}
type Check = {
  update: (piece: Uint8Array) => void
  finish: (readBody: () => Buffer) => Promise<void> | void
}

/**
 * Verify, store, acknowledge: the headers before a byte of the body, and the body while it comes. Nothing is
 * decided here: a sender waits seconds, while what we do about the event may take days.
 */
export function webhooks(deps: WebhookDeps) {
  const lago = createLagoVerifier(deps)
  const dodo = createDodoVerifier(deps.config.dodo.webhookSecrets)
  const limits = { room: createBodyRoom(), maxBytes: MAX_BODY_BYTES }

  const take = (c: Context, { update, finish }: Check, read: (body: Buffer) => Delivery) =>
    withBody(c.req.raw, limits, update, async (readBody) => {
      await finish(readBody)
      const { duplicate } = await deps.receive(read(readBody()))
      return c.json({ received: true, duplicate })
    })

  return new Hono()
    .post('/lago', async (c) => {
      const id = c.req.header('x-lago-unique-key')
      if (id === undefined) throw new InvalidSignature('X-Lago-Unique-Key is missing')
      return take(c, lago.begin(c.req.header('x-lago-signature')), (body) => {
        const { organizationId: _ours, ...event } = readLagoEvent(body)
        const headers = keepHeaders(c, ['x-lago-signature-algorithm'])
        return { source: 'lago', deliveryId: readDeliveryId(id), headers, body, ...event }
      })
    })
    .post('/dodo', (c) =>
      take(c, dodo.begin(c.req.header()), (body) => {
        const event = readDodoEvent(body)
        const deliveryId = readDeliveryId(c.req.header('webhook-id'))
        const headers = keepHeaders(c, ['webhook-timestamp'])
        return { source: 'dodo', deliveryId, headers, body, ...event }
      }),
    )
}

function keepHeaders(c: Context, names: readonly string[]): Record<string, string> {
  return Object.fromEntries(names.map((name) => [name, (c.req.header(name) ?? '').slice(0, 200)]))
}
