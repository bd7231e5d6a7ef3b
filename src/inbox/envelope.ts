import { z } from 'zod'

import { MalformedEvent } from '../errors.ts'
import { isId } from '../ids.ts'
import { paymentOf, wakeOfDodo, wakeOfLago } from './events.ts'

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
  if (header && header.length <= MAX_ID_LENGTH) return header
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

/** What a delivery of either is about. Throws MalformedEvent for a body that nobody can read. */
export const readEvent = (source: 'lago' | 'dodo', body: Buffer) =>
  source === 'lago' ? readLagoEvent(body) : { organizationId: undefined, ...readDodoEvent(body) }

function readJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'))
  } catch (cause) {
    throw new MalformedEvent('the body is not JSON', { cause })
  }
}

/** Postgres texts hold no NUL, and a type is a name, not a novel. */
const readType = (type: string) => type.replaceAll('\0', '').slice(0, MAX_ID_LENGTH)
