import { Hono, type Context } from 'hono'
import { bodyLimit } from 'hono/body-limit'

import type { Deps } from '../deps.ts'
import { createDodoVerifier } from '../dodo/signature.ts'
import { readDeliveryId, readDodoEvent, readLagoEvent } from '../inbox/envelope.ts'
import type { Receive } from '../inbox/receive.ts'
import { createLagoVerifier } from './lago-verifier.ts'

/** A usage-heavy invoice embeds one fee for each charge and group, and reaches megabytes. */
export const MAX_BODY_BYTES = 32 * 1024 * 1024

type WebhookDeps = Pick<Deps, 'config' | 'lago' | 'now'> & {
  receive: Receive
  organizationId: () => Promise<string>
}

/**
 * Verify, store, acknowledge. Nothing is decided here: a sender waits seconds, while what we do about the
 * event may take days.
 */
export function webhooks(deps: WebhookDeps) {
  const lago = createLagoVerifier(deps)
  const verifyDodo = createDodoVerifier(deps.config.dodo.webhookSecrets)
  const limit = bodyLimit({
    maxSize: MAX_BODY_BYTES,
    onError: (c) => c.json({ error: 'the body is larger than 32 MiB' }, 413),
  })

  return new Hono()
    .post('/lago', limit, async (c) => {
      const body = await readBody(c)
      await lago.verify(body, c.req.header('x-lago-signature'))
      const { organizationId, ...event } = readLagoEvent(body)
      await lago.assertOurs(organizationId)
      const deliveryId = readDeliveryId(c.req.header('x-lago-unique-key'))
      const headers = keepHeaders(c, ['x-lago-signature-algorithm'])
      const { duplicate } = await deps.receive({
        source: 'lago',
        deliveryId,
        headers,
        body,
        ...event,
      })
      return c.json({ received: true, duplicate })
    })
    .post('/dodo', limit, async (c) => {
      const body = await readBody(c)
      verifyDodo(body, c.req.header())
      const event = readDodoEvent(body)
      const deliveryId = readDeliveryId(c.req.header('webhook-id'))
      const headers = keepHeaders(c, ['webhook-timestamp'])
      const { duplicate } = await deps.receive({
        source: 'dodo',
        deliveryId,
        headers,
        body,
        ...event,
      })
      return c.json({ received: true, duplicate })
    })
}

const readBody = async (c: Context) => Buffer.from(await c.req.arrayBuffer())

function keepHeaders(c: Context, names: readonly string[]): Record<string, string> {
  return Object.fromEntries(names.map((name) => [name, (c.req.header(name) ?? '').slice(0, 200)]))
}
