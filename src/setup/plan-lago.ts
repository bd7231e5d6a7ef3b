import type { Config } from '../config.ts'
import { ApiError, PermanentError } from '../errors.ts'
import { LAGO_EVENTS } from '../lago/events.ts'
import type { LagoEndpoint, LagoEndpointFields } from '../lago/installation.ts'
import { differenceOfEvents, sameMembers } from './members.ts'
import { endpointUrl, planEndpoint, type FoundEndpoint } from './plan-endpoint.ts'
import type { Services } from './services.ts'
import type { Plan, Step } from './step.ts'
import { makeSure, removeSurely } from './sure.ts'

/** How we know an endpoint of ours again; Lago keeps names from 1.44 on. */
const LAGO_MARK = 'lago-dodo-bridge'
const PATH = '/webhooks/lago'
const WHAT = 'Lago webhook'
/** lago-api `app/models/webhook_endpoint.rb`: LIMIT. */
const MAX_ENDPOINTS = 10

type Planning = Pick<Services, 'installation' | 'lago'> & {
  config: Pick<Config, 'publicUrl' | 'lago'>
}

/**
 * What is to be done so that Lago sends this bridge exactly the events in use, once each. Where Lago keeps names, one at
 * another address without ours may be another program's, also at this path: it is moved only where a person is asked.
 */
export async function planLago(deps: Planning, { isAsked }: { isAsked: boolean }): Promise<Plan> {
  const { config, installation } = deps
  const { publicUrl } = config
  await deps.lago.release.known()
  const listed = await installation.listEndpoints()
  const found = listed.map((one) => lagoEndpointAsFound(one, config))
  const { base, changes, remove, leave } = planEndpoint(
    found,
    { publicUrl, path: PATH },
    { mayAdopt: isAsked || !keepsNames(deps) },
  )
  if (!base && listed.length >= MAX_ENDPOINTS) throw new PermanentError(tooMany(listed))

  const current = listed.find(({ lago_id }) => lago_id === base?.id)
  const step = { what: WHAT, about: describe(deps, changes) } as const
  return {
    steps: [
      !current
        ? { ...step, verb: 'create', run: () => create(deps) }
        : changes.length > 0
          ? { ...step, verb: 'update', run: () => update(deps, current) }
          : { ...step, verb: 'keep' },
      ...leave.map((one): Step => ({
        what: WHAT,
        verb: 'leave',
        about: `${one.url} (not known to be ours)`,
      })),
    ],
    afterwards: remove.map((one) => ({
      what: WHAT,
      verb: 'remove',
      about: `${one.url} (ours, replaced)`,
      run: () => removeOnce(deps, one),
    })),
  }
}

/** What of an endpoint is not as it has to be. What a server does not know, it does not show. */
function lagoDifferences(endpoint: LagoEndpoint, signature: 'hmac' | 'jwt'): string[] {
  const { signature_algo: algorithm, event_types: events } = endpoint
  const isUnfiltered = events === undefined
  return [
    ...(algorithm === signature
      ? []
      : [`signs with ${nameOf(algorithm ?? 'jwt')}, ${nameOf(signature)} is wanted`]),
    ...(isUnfiltered || sameMembers(events ?? [], LAGO_EVENTS)
      ? []
      : [differenceOfEvents(events, LAGO_EVENTS)]),
  ]
}

/** An endpoint of Lago, as planning and `doctor` look at it. */
export const lagoEndpointAsFound = (
  one: LagoEndpoint,
  { lago }: Planning['config'],
): FoundEndpoint => ({
  id: one.lago_id,
  url: one.webhook_url,
  mark: one.name === LAGO_MARK ? 'ours' : 'none',
  differences: lagoDifferences(one, lago.signature),
})

async function create(deps: Planning) {
  const fields = fieldsFor(deps, undefined)
  await makeSure(
    'Lago registered the endpoint',
    () => withEventsItKnows(fields, deps.installation.createEndpoint).catch(findAnothers),
    () => findAt(deps),
  )
  await confirm(deps)

  /** Lago has each address once: whoever set up in the same moment was first, and has made the same. */
  async function findAnothers(error: unknown): Promise<LagoEndpoint> {
    const there = error instanceof ApiError && error.status === 422 ? await findAt(deps) : undefined
    if (!there) throw error
    return there
  }
}

async function update(deps: Planning, current: LagoEndpoint) {
  const fields = fieldsFor(deps, current)
  const change = (asked: LagoEndpointFields) =>
    deps.installation.updateEndpoint(current.lago_id, asked)
  await makeSure(
    'Lago changed the endpoint',
    () => withEventsItKnows(fields, change),
    async () => {
      const there = await findAt(deps)
      return there && lagoDifferences(there, deps.config.lago.signature).length === 0
        ? there
        : undefined
    },
  )
  await confirm(deps)
}

/** A name that a person chose stays. */
const fieldsFor = (
  { config }: Planning,
  current: LagoEndpoint | undefined,
): LagoEndpointFields => ({
  webhook_url: endpointUrl({ publicUrl: config.publicUrl, path: PATH }),
  signature_algo: config.lago.signature,
  event_types: [...LAGO_EVENTS],
  ...(!current?.name && { name: LAGO_MARK }),
})

/** One name that this Lago does not know would have all of them refused: then it sends every event, which does no harm. */
async function withEventsItKnows(
  fields: LagoEndpointFields,
  ask: (fields: LagoEndpointFields) => Promise<LagoEndpoint>,
): Promise<LagoEndpoint> {
  try {
    return await ask(fields)
  } catch (error) {
    const isAboutEvents = error instanceof ApiError && error.detail.includes('event_types')
    if (!isAboutEvents) throw error
    return ask({ ...fields, event_types: null })
  }
}

const removeOnce = ({ installation }: Planning, { id }: FoundEndpoint) =>
  removeSurely(
    'Lago removed the endpoint',
    () => installation.removeEndpoint(id),
    async () => (await installation.listEndpoints()).some(({ lago_id }) => lago_id === id),
  )

const findAt = async ({ installation, config }: Planning): Promise<LagoEndpoint | undefined> => {
  const url = endpointUrl({ publicUrl: config.publicUrl, path: PATH })
  return (await installation.listEndpoints()).find(({ webhook_url }) => webhook_url === url)
}

/** Nothing is removed before the new one is listed. */
async function confirm(deps: Planning) {
  if (await findAt(deps)) return
  throw new PermanentError('Lago took the endpoint and does not list it: run setup again')
}

const nameOf = (algorithm: string) => algorithm.toUpperCase()

const keepsNames = ({ lago }: Planning) => !lago.release.isBefore('1.44.0')

function describe(deps: Planning, changes: readonly string[]): string {
  const { config } = deps
  const filter = !keepsNames(deps) ? 'all events' : `${LAGO_EVENTS.length} events`
  const url = endpointUrl({ publicUrl: config.publicUrl, path: PATH })
  const how = [url, nameOf(config.lago.signature), filter].join(', ')
  return changes.length > 0 ? `${how} (${changes.join('; ')})` : how
}

const tooMany = (listed: readonly LagoEndpoint[]) =>
  [
    `Lago takes ${MAX_ENDPOINTS} webhook endpoints for an organisation, and has them. Remove one that is no longer used in Lago > Developers > Webhooks:`,
    ...listed.map(({ webhook_url, name }) => `  ${webhook_url}${name ? ` (${name})` : ''}`),
  ].join('\n')
