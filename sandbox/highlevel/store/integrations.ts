import { HighlevelRefusal } from './refusal.ts'
import type { Integration, Keys } from './records.ts'
import { newObjectId } from './store.ts'
import type { HighlevelWorld } from './world.ts'

export type ProviderFields = Pick<
  Integration,
  'name' | 'description' | 'paymentsUrl' | 'queryUrl' | 'imageUrl' | 'supportsSubscriptionSchedule'
>

/** Makes the location's provider record, or changes the one that is there. */
export function putProvider(world: HighlevelWorld, locationId: string, fields: ProviderFields) {
  const { store, app, now } = world
  const at = now().toISOString()
  const known = store.integrations.get(locationId)
  const integration: Integration = {
    _id: known?._id ?? newObjectId(),
    locationId,
    marketplaceAppId: app.id,
    ...fields,
    deleted: false,
    createdAt: known?.createdAt ?? at,
    updatedAt: at,
    keys: known?.keys ?? { live: null, test: null },
  }
  store.integrations.set(locationId, integration)
  return integrationView(integration)
}

/** Connects both modes; the schema wants both. */
export function connectKeys(
  world: HighlevelWorld,
  locationId: string,
  keys: { live: Keys; test: Keys },
) {
  const { store, behaviour, now } = world
  const integration = store.integrations.get(locationId)
  if (!integration)
    throw new HighlevelRefusal(behaviour.connectsTooSoon, 'Custom provider not found')
  integration.keys = { live: { ...keys.live }, test: { ...keys.test } }
  integration.updatedAt = now().toISOString()
  return integrationView(integration)
}

/** Takes the keys of one mode away. */
export function disconnect({ store }: HighlevelWorld, locationId: string, liveMode: boolean) {
  const integration = findIntegration(store, locationId)
  integration.keys[liveMode ? 'live' : 'test'] = null
  return { success: true }
}

export function findIntegration(store: HighlevelWorld['store'], locationId: string): Integration {
  const integration = store.integrations.get(locationId)
  if (!integration) throw new HighlevelRefusal(400, 'Custom provider not found')
  return integration
}

/** The record as the API shows it; keys are told by their mode. */
export function integrationView({ keys, ...record }: Integration) {
  const modes = [
    ...(keys.live ? [['live', { liveMode: true, ...keys.live }] as const] : []),
    ...(keys.test ? [['test', { liveMode: false, ...keys.test }] as const] : []),
  ]
  return { ...record, paymentProvider: Object.fromEntries(modes), traceId: newObjectId() }
}
