import { createHash } from 'node:crypto'

import { z } from 'zod'

import { DEFAULT_ACCOUNT, keyIn, readKey } from '../account-key.ts'
import { MalformedEvent } from '../errors.ts'
import { MarketplaceEvent } from '../highlevel/objects.ts'
import { isId } from '../ids.ts'
import { paymentOf, wakeOfDodo, wakeOfHighlevel, wakeOfLago } from './events.ts'

const MAX_ID_LENGTH = 200

/** An id that may go into a URL path and a key; anything else names nothing we know. */
const Id = z
  .string()
  .regex(/^[A-Za-z0-9_.:-]{1,200}$/)
  .refine(isId)
const optionalId = Id.optional().catch(undefined)

const LagoEnvelope = z.looseObject({
  webhook_type: z.string().min(1),
  object_type: z.string().min(1),
  organization_id: z.string().optional(),
})

const DodoEnvelope = z.looseObject({ type: z.string().min(1), data: z.looseObject({}) })

/** Lago takes any text for a customer's id. */
const customerId = z
  .string()
  .min(1)
  .max(MAX_ID_LENGTH)
  .refine((text) => !text.includes('\0'))
  .optional()
  .catch(undefined)

/** What every Lago object that may be about something of ours can say of it. */
const LagoObject = z
  .looseObject({
    lago_id: optionalId,
    lago_invoice_id: optionalId,
    external_id: customerId,
    invoice: z.looseObject({ lago_id: optionalId }).optional().catch(undefined),
    invoice_requires_successful_payment: z.boolean().optional().catch(undefined),
  })
  .catch({})

const DodoObject = z.looseObject({
  payment_id: optionalId,
  recovered_payment_id: optionalId,
  subscription_id: optionalId,
  metadata: z.looseObject({ lago_invoice_id: optionalId }).optional().catch(undefined),
})

/** The header that identifies a delivery, bounded; without one a redelivery could not be told. */
export function readDeliveryId(header: string | undefined): string {
  // Postgres texts hold no NUL: what cannot be stored is not asked for again.
  if (header && header.length <= MAX_ID_LENGTH && !header.includes('\0')) return header
  throw new MalformedEvent('the delivery has no id')
}

/** What a Lago delivery is about. Throws MalformedEvent for a body that is not one of Lago's. */
export function readLagoEvent(body: Buffer) {
  const parsed = LagoEnvelope.safeParse(readJson(body))
  if (!parsed.success) throw new MalformedEvent('not an event of Lago')
  const envelope = parsed.data
  const object = LagoObject.parse(envelope[envelope.object_type])
  return {
    eventType: readType(envelope.webhook_type),
    organizationId: envelope.organization_id,
    dodoPaymentId: null,
    ...wakeOfLago(envelope.object_type, object),
  }
}

/** What a Dodo delivery is about. Throws MalformedEvent for a body that is not one of Dodo's. */
export function readDodoEvent(body: Buffer) {
  const parsed = DodoEnvelope.safeParse(readJson(body))
  if (!parsed.success) throw new MalformedEvent('not an event of Dodo')
  const { type, data } = parsed.data
  const object = DodoObject.parse(data)
  return {
    eventType: readType(type),
    dodoPaymentId: paymentOf(object) ?? null,
    ...wakeOfDodo(type, object),
  }
}

/**
 * What a delivery of HighLevel's marketplace is about, and its id. Where HighLevel gives it none, the same bytes are the
 * same delivery, which it may mean anew (`hearAgain`). Throws MalformedEvent for a body that is not one of HighLevel's.
 */
export function readHighlevelEvent(body: Buffer, ownAppId: string) {
  const parsed = MarketplaceEvent.safeParse(readJson(body))
  if (!parsed.success) throw new MalformedEvent('not an event of HighLevel')
  const { webhookId, type, appId, locationId, companyId } = parsed.data
  return {
    deliveryId:
      webhookId !== undefined
        ? readDeliveryId(webhookId)
        : createHash('sha256').update(body).digest('hex'),
    isNamed: webhookId !== undefined,
    eventType: readType(type),
    dodoPaymentId: null,
    ...wakeOfHighlevel(
      {
        type,
        appId,
        locationId: optionalId.parse(locationId),
        companyId: optionalId.parse(companyId),
      },
      ownAppId,
    ),
  }
}

/**
 * What a delivery of either is about. What another Dodo account than the deployment's own sends is about that account's
 * objects alone, whatever it names. Throws MalformedEvent for a body that nobody can read.
 */
export function readEvent(
  { source, deliveryId }: { source: 'lago' | 'dodo'; deliveryId: string },
  body: Buffer,
) {
  if (source === 'lago') return readLagoEvent(body)
  const { account } = readKey(deliveryId)
  return { organizationId: undefined, ...within(account, readDodoEvent(body)) }
}

function within(account: string, event: ReturnType<typeof readDodoEvent>) {
  if (account === DEFAULT_ACCOUNT) return event
  const { dodoPaymentId, wakes, wakesKey } = event
  if (wakes === 'mandate' && wakesKey !== null)
    return { ...event, wakesKey: keyIn(account, wakesKey) }
  if (dodoPaymentId === null) return { ...event, wakes: null, wakesKey: null }
  return { ...event, wakes: 'trace' as const, wakesKey: keyIn(account, dodoPaymentId) }
}

function readJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'))
  } catch (cause) {
    throw new MalformedEvent('the body is not JSON', { cause })
  }
}

/** Postgres texts hold no NUL, and a type is a name, not a novel. */
const readType = (type: string) => type.replaceAll('\0', '').slice(0, MAX_ID_LENGTH)
