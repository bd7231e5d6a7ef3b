import { Hono, type Context } from 'hono'

import type { Deps } from '../deps.ts'
import { createDodoVerifier } from '../dodo/signature.ts'
import { InvalidSignature } from '../errors.ts'
import { BIG_BODY_BYTES, type Unread } from '../inbox/big.ts'
import { readDeliveryId, readEvent } from '../inbox/envelope.ts'
import type { Receive } from '../inbox/receive.ts'
import { createBodyRoom } from './body-room.ts'
import { createLagoVerifier } from './lago-verifier.ts'
import { withBody, type Body } from './read-body.ts'

/** A usage-heavy invoice embeds one fee for each charge and group, and reaches megabytes. */
export const MAX_BODY_BYTES = 32 * 1024 * 1024

type WebhookDeps = Pick<Deps, 'config' | 'lago' | 'now'> & {
  receive: Receive
  organizationId: () => Promise<string>
}
type Check = {
  update: (piece: Uint8Array) => void
  finish: (body: Body) => Promise<void> | void
}

/**
 * Verify, store, acknowledge: the headers before a byte of the body, and the body while it comes. Nothing is
 * decided here: a sender waits seconds, while what we do about the event may take days.
 */
export function webhooks(deps: WebhookDeps) {
  const lago = createLagoVerifier(deps)
  const dodo = createDodoVerifier(deps.config.dodo.webhookSecrets)
  const limits = { room: createBodyRoom(), maxBytes: MAX_BODY_BYTES }

  const take = (c: Context, { update, finish }: Check, identify: () => Unread) =>
    withBody(c.req.raw, limits, update, async (body) => {
      await finish(body)
      const { duplicate } = await store(identify(), body)
      return c.json({ received: true, duplicate })
    })

  function store(told: Unread, body: Body) {
    if (body.bytes > BIG_BODY_BYTES) return deps.receive.big(told, body.giveAway())
    const bytes = body.read()
    const { organizationId: _ours, ...event } = readEvent(told.source, bytes)
    return deps.receive({ ...told, ...event, body: bytes })
  }

  return new Hono()
    .post('/lago', async (c) => {
      const id = c.req.header('x-lago-unique-key')
      if (id === undefined) throw new InvalidSignature('X-Lago-Unique-Key is missing')
      return take(c, lago.begin(c.req.header('x-lago-signature')), () => ({
        source: 'lago',
        deliveryId: readDeliveryId(id),
        headers: keepHeaders(c, ['x-lago-signature-algorithm']),
      }))
    })
    .post('/dodo', (c) =>
      take(c, dodo.begin(c.req.header()), () => ({
        source: 'dodo',
        deliveryId: readDeliveryId(c.req.header('webhook-id')),
        headers: keepHeaders(c, ['webhook-timestamp']),
      })),
    )
}

function keepHeaders(c: Context, names: readonly string[]): Record<string, string> {
  return Object.fromEntries(names.map((name) => [name, (c.req.header(name) ?? '').slice(0, 200)]))
}
