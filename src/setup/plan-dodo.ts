import type { Config } from '../config.ts'
import type { DodoEndpoint, DodoEndpointFields } from '../dodo/account.ts'
import { DODO_EVENTS } from '../dodo/events.ts'
import { PermanentError } from '../errors.ts'
import { differenceOfEvents, sameMembers } from './members.ts'
import { endpointUrl, planEndpoint, type FoundEndpoint } from './plan-endpoint.ts'
import type { Services } from './services.ts'
import type { Plan, Step } from './step.ts'
import { makeSure, removeSurely } from './sure.ts'

/** How we know an endpoint of ours again; of which Lago it tells of is written beside it. */
const DODO_MARK = 'lago-dodo-bridge'
/** What only `setup` minds. */
export const UNMARKED = 'not marked as ours'
const PATH = '/webhooks/dodo'
/** Where the deployment's test account beside a live one sends. */
export const TEST_PATH = '/webhooks/dodo/test'
const WHAT = 'Dodo webhook'

type Planning = Pick<Services, 'account'> & {
  config: Pick<Config, 'publicUrl'>
  /** Two organisations of Lago may share an account of Dodo: each bridge has its own endpoint. */
  organizationId: string | undefined
  /** Where it sends. */
  path?: typeof PATH | typeof TEST_PATH | undefined
}

/** What is to be done so that Dodo sends this bridge exactly the events in use, once each. */
export async function planDodo(deps: Planning): Promise<Plan> {
  const { account, config, path = PATH } = deps
  const address = { publicUrl: config.publicUrl, path } as const
  const listed = await listOldestFirst(account)
  const found = listed.map((one) => dodoEndpointAsFound(one, deps))
  const { base, changes, remove, leave } = planEndpoint(found, address, { mayAdopt: false })
  const about = [endpointUrl(address), `${DODO_EVENTS.length} events`].join(', ')
  const step = {
    what: WHAT,
    about: changes.length > 0 ? `${about} (${changes.join('; ')})` : about,
  } as const
  return {
    steps: [
      !base
        ? { ...step, verb: 'create', run: () => create(deps) }
        : changes.length > 0
          ? { ...step, verb: 'update', run: () => update(deps, base.id) }
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

/** What of an endpoint is not as it has to be; without a filter Dodo sends everything, also what comes to exist later. */
function dodoDifferences({ filter_types: events, disabled }: DodoEndpoint): string[] {
  const isRight = events && sameMembers(events, DODO_EVENTS)
  return [
    ...(disabled ? ['disabled by Dodo'] : []),
    ...(isRight ? [] : [differenceOfEvents(events, DODO_EVENTS)]),
  ]
}

/** An endpoint of Dodo, as planning and `doctor` look at it. */
export function dodoEndpointAsFound(
  one: DodoEndpoint,
  { organizationId, config }: Pick<Planning, 'organizationId' | 'config'>,
): FoundEndpoint {
  const { bridge, lago_organization_id: theirs, bridge_public_url: address } = one.metadata ?? {}
  // Without Lago only its address tells a bridge from the others on the same account.
  const isOurs =
    organizationId === undefined
      ? theirs === undefined && address === config.publicUrl
      : theirs === organizationId
  const mark = bridge !== DODO_MARK ? 'none' : isOurs ? 'ours' : 'anothers'
  const differences = [...dodoDifferences(one), ...(mark === 'ours' ? [] : [UNMARKED])]
  return { id: one.id, url: one.url, mark, differences }
}

const fieldsFor = ({ config, organizationId, path = PATH }: Planning): DodoEndpointFields => ({
  url: endpointUrl({ publicUrl: config.publicUrl, path }),
  description:
    organizationId === undefined
      ? 'Orders through Dodo Payments'
      : 'Lago invoices through Dodo Payments',
  disabled: false,
  filter_types: [...DODO_EVENTS],
  metadata: {
    bridge: DODO_MARK,
    ...(organizationId === undefined
      ? { bridge_public_url: config.publicUrl }
      : { lago_organization_id: organizationId }),
  },
})

async function create(deps: Planning) {
  const key = crypto.randomUUID()
  const fields = fieldsFor(deps)
  await makeSure(
    'Dodo registered the endpoint',
    () => deps.account.createEndpoint(fields, key),
    () => findDodoEndpoint(deps),
  )
  const { id: kept } = await confirm(deps)
  // Dodo takes an address twice: of two who set up in the same moment, both leave the one that was there first.
  for (const one of (await deps.account.listEndpoints()).filter(({ url }) => url === fields.url))
    if (one.id !== kept) await removeOnce(deps, one)
}

async function update(deps: Planning, dodoEndpointId: string) {
  const fields = fieldsFor(deps)
  const isRight = (one: DodoEndpoint) => dodoEndpointAsFound(one, deps).differences.length === 0
  await makeSure(
    'Dodo changed the endpoint',
    () => deps.account.updateEndpoint(dodoEndpointId, fields),
    async () => {
      const there = await findDodoEndpoint(deps)
      return there && isRight(there) ? there : undefined
    },
  )
  const { disabled } = await confirm(deps)
  if (disabled) {
    throw new PermanentError(
      'Dodo leaves the endpoint disabled: enable it in Dodo > Developer > Webhooks, and replay what is missing there',
    )
  }
}

const removeOnce = ({ account }: Planning, { id }: Pick<FoundEndpoint, 'id'>) =>
  removeSurely(
    'Dodo removed the endpoint',
    () => account.removeEndpoint(id),
    async () => (await account.listEndpoints()).some((one) => one.id === id),
  )

/** Whoever looks comes to the same one. Of the same moment the order of Dodo's list decides, which is everybody's. */
const listOldestFirst = async (account: Planning['account']) =>
  (await account.listEndpoints()).toSorted((one, other) => madeAt(one) - madeAt(other))

const madeAt = ({ created_at }: DodoEndpoint) => Date.parse(created_at ?? '') || 0

/** The endpoint that leads to this bridge. */
export async function findDodoEndpoint({
  account,
  config,
  path = PATH,
}: Pick<Planning, 'account' | 'config' | 'path'>): Promise<DodoEndpoint | undefined> {
  const url = endpointUrl({ publicUrl: config.publicUrl, path })
  return (await listOldestFirst(account)).find((one) => one.url === url)
}

/** Nothing is removed before the new one is listed. */
async function confirm(deps: Planning): Promise<DodoEndpoint> {
  const there = await findDodoEndpoint(deps)
  if (there) return there
  throw new PermanentError('Dodo took the endpoint and does not list it: run setup again')
}
