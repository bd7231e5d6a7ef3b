import { z } from 'zod'
import { HighlevelRefusal } from './refusal.ts'
import { assertAmount, settle } from './queries.ts'
import type { HighlevelWorld } from './world.ts'

const Envelope = z.looseObject({
  event: z.string(),
  locationId: z.string(),
  apiKey: z.string(),
})
const Charge = z.looseObject({
  status: z.string(),
  amount: z.number(),
  chargeId: z.string(),
  chargedAt: z.int(),
})
const Snapshot = z.looseObject({ id: z.string(), status: z.string() })
const text = z.string().min(1)

/** What each event must carry, besides event, locationId and apiKey. */
const EVENTS: Readonly<Record<string, z.ZodType>> = {
  'payment.captured': z.looseObject({
    chargeId: text,
    ghlTransactionId: text,
    chargeSnapshot: Charge,
  }),
  'subscription.trialing': z.looseObject({
    chargeId: z.string(),
    ghlTransactionId: text,
    ghlSubscriptionId: text,
    marketplaceAppId: text,
  }),
  'subscription.active': z.looseObject({
    chargeId: z.string(),
    ghlTransactionId: text,
    ghlSubscriptionId: text,
    marketplaceAppId: text,
  }),
  'subscription.updated': z.looseObject({
    ghlSubscriptionId: text,
    subscriptionSnapshot: Snapshot,
  }),
  'subscription.charged': z.looseObject({
    chargeId: text,
    ghlSubscriptionId: text,
    subscriptionSnapshot: Snapshot,
    chargeSnapshot: Charge,
  }),
}

/**
 * Takes what a provider tells. A 2xx means received and not applied: an event about something that is not there
 * is written down and changes nothing.
 */
export function takeEvent(world: HighlevelWorld, body: unknown): void {
  const { store, behaviour, now } = world
  const envelope = Envelope.safeParse(body)
  if (!envelope.success) throw unprocessable(envelope.error)
  const { event, locationId, apiKey } = envelope.data
  const keys = store.integrations.get(locationId)?.keys
  const mode = (['live', 'test'] as const).find((one) => keys?.[one]?.apiKey === apiKey)
  if (!mode) throw new HighlevelRefusal(401, 'Invalid apiKey for the location')
  const shape = EVENTS[event]
  if (!shape) throw new HighlevelRefusal(422, `event ${event} is not supported`)
  const parsed = shape.safeParse(body)
  if (!parsed.success) throw unprocessable(parsed.error)
  const applied = behaviour.appliesEvents && apply(world, { ...envelope.data, mode })
  store.events.push({ at: now(), applied, body: envelope.data })
}

type Told = z.infer<typeof Envelope> & { mode: 'live' | 'test' }

function apply(world: HighlevelWorld, told: Told): boolean {
  return told.event === 'payment.captured' ? capture(world, told) : followSubscription(world, told)
}

function capture(world: HighlevelWorld, told: Told): boolean {
  const transaction = world.store.transactions.get(String(told['ghlTransactionId']))
  const isTheirs =
    transaction?.locationId === told.locationId && transaction.liveMode === (told.mode === 'live')
  const snapshot = Charge.safeParse(told['chargeSnapshot'])
  if (!isTheirs || !snapshot.success || snapshot.data.status !== 'succeeded') return false
  assertAmount(world, transaction, snapshot.data.amount)
  settle(world, transaction, { chargeId: String(told['chargeId']), snapshot: snapshot.data })
  return true
}

function followSubscription({ store }: HighlevelWorld, told: Told): boolean {
  const subscription = store.subscriptions.get(String(told['ghlSubscriptionId']))
  if (subscription?.locationId !== told.locationId) return false
  const snapshot = Snapshot.safeParse(told['subscriptionSnapshot'])
  const [, named] = told.event.split('.')
  const isNamed = named === 'active' || named === 'trialing'
  subscription.status = snapshot.data?.status ?? (isNamed ? named : subscription.status)
  if (snapshot.success) subscription.subscriptionSnapshot = snapshot.data
  return true
}

const unprocessable = (error: z.ZodError) =>
  new HighlevelRefusal(
    422,
    'Unprocessable Entity',
    error.issues.map(({ path, message }) => `${path.join('.')} ${message}`),
  )
