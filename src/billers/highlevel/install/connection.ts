import { createHash } from 'node:crypto'

import type { Config } from '../../../config.ts'
import type { Highlevel, ProviderRecord } from '../../../highlevel/client.ts'
import { makeKey, type Mode } from '../../../highlevel/keys.ts'
import type { Integration } from '../../../highlevel/objects.ts'
import type { HighlevelConfig } from './allowed.ts'

export const MODES = ['live', 'test'] as const satisfies readonly Mode[]

type Keys = { apiKey: string; publishableKey: string }

/** How a location has to stand at HighLevel: the provider record, its keys, and the modes that are served. */
export type Connection = {
  record: ProviderRecord
  keys: Record<Mode, Keys>
  served: readonly Mode[]
}

/** The record as the configuration wants it, at whichever location. */
const recordFor = (
  config: Pick<HighlevelConfig, 'name' | 'payments'>,
  publicUrl: string,
): ProviderRecord => ({
  name: config.name,
  description: 'Payments through Dodo Payments',
  paymentsUrl: `${publicUrl}/highlevel/pay`,
  queryUrl: `${publicUrl}/highlevel/query`,
  imageUrl: `${publicUrl}/highlevel/logo.png`,
  supportsSubscriptionSchedule: config.payments === 'recurring',
})

export function connectionFor(
  { highlevel, publicUrl }: Pick<Config, 'publicUrl'> & { highlevel: HighlevelConfig },
  locationId: string,
  served: readonly Mode[],
): Connection {
  const [secret = ''] = highlevel.secrets
  const keysOf = (mode: Mode): Keys => ({
    apiKey: makeKey(secret, { kind: 'apiKey', mode, locationId }),
    publishableKey: makeKey(secret, { kind: 'publishableKey', mode, locationId }),
  })
  return {
    record: recordFor(highlevel, publicUrl),
    keys: { live: keysOf('live'), test: keysOf('test') },
    served,
  }
}

/** Tells one connection from another without saying what is in it. */
export const digestOf = (connection: Connection): string =>
  createHash('sha256').update(JSON.stringify(connection)).digest('hex')

const MAX_SHOWN = 100
const RECORD_FIELDS = [
  'name',
  'paymentsUrl',
  'queryUrl',
  'imageUrl',
  'supportsSubscriptionSchedule',
] as const

/** What of the record is not as it has to be, by field. */
const findRecordDifferences = (found: Integration, record: ProviderRecord) =>
  RECORD_FIELDS.filter((field) => found[field] !== undefined && found[field] !== record[field])

const isFilled = (keys: object | null | undefined) =>
  keys !== null && keys !== undefined && Object.keys(keys).length > 0

/** Which modes HighLevel has keys for. */
const modesOf = ({ paymentProvider }: Integration): Mode[] =>
  MODES.filter((mode) => isFilled(paymentProvider?.[mode]))

/** Whether HighLevel has these keys for a mode, as far as it shows them. */
function hasKeys({ paymentProvider }: Integration, mode: Mode, keys: Keys): boolean {
  const found = paymentProvider?.[mode]
  if (!isFilled(found)) return false
  return (
    (found?.apiKey ?? keys.apiKey) === keys.apiKey &&
    (found?.publishableKey ?? keys.publishableKey) === keys.publishableKey
  )
}

/** What of it is not as it has to be, in words; nothing where all is. */
export function findConnectionDifferences(
  found: Integration | undefined,
  { record, keys, served }: Connection,
): string[] {
  if (!found || found['deleted'] === true) return ['there is no provider record']
  const fields = findRecordDifferences(found, record).map(
    (field) => `${field} is ${String(found[field]).slice(0, MAX_SHOWN)}`,
  )
  const modes = MODES.flatMap((mode) => {
    const isThere = modesOf(found).includes(mode)
    if (!served.includes(mode)) return isThere ? [`${mode} is connected and not served`] : []
    if (!isThere) return [`${mode} is not connected`]
    return hasKeys(found, mode, keys[mode]) ? [] : [`${mode} has keys that are not ours`]
  })
  return [...fields, ...modes]
}

/**
 * Makes a location stand as it has to: reads first, and makes only what is not there. Each step may have been taken
 * before, by a process that died or whose answer was lost. `mayHaveOldKeys`: HighLevel does not show keys, and those
 * that it has may be older.
 */
export async function connect(
  client: Highlevel,
  { record, keys, served }: Connection,
  { mayHaveOldKeys }: { mayHaveOldKeys: boolean },
): Promise<void> {
  let found = await client.findProvider()
  if (!found || found['deleted'] === true || findRecordDifferences(found, record).length > 0)
    found = await client.createProvider(record)
  const here = found
  const isShown = (mode: Mode) => here.paymentProvider?.[mode]?.apiKey !== undefined
  const lacks = (mode: Mode) =>
    !hasKeys(here, mode, keys[mode]) || (mayHaveOldKeys && !isShown(mode))
  let connected = modesOf(found)
  if (served.some(lacks)) {
    await client.connect(keys)
    connected = [...MODES]
  }
  for (const mode of connected) if (!served.includes(mode)) await client.disconnect(mode)
}
