import {
  dodoUrlOf,
  intendOwnAccount,
  listCurrentAccounts,
  listOwnAccounts,
  newAccountId,
  useOwnAccount,
} from '../billers/highlevel/own-accounts.ts'
import type { Installing } from '../billers/highlevel/install/installing.ts'
import { Taken, type Alone } from '../collect/alone.ts'
import { createBudget } from '../budget.ts'
import { createDodoAccount, type DodoEndpoint } from '../dodo/account.ts'
import { createDodo } from '../dodo/client.ts'
import { DODO_EVENTS } from '../dodo/events.ts'
import { ApiError, Later, PermanentError, reasonOf } from '../errors.ts'
import { createReserve } from '../turn.ts'
import { createVendorFetch } from '../vendor-fetch.ts'
import { wakeWithin } from '../wakes.ts'
import { makeSure } from './sure.ts'

type Mode = 'test' | 'live'
type Asked = { locationId: string; mode: Mode; apiKey: string }
type Trying = Pick<Installing, 'config' | 'db' | 'now' | 'highlevel'>
type Services = ReturnType<typeof openAccount>

/** One registration takes a few calls of Dodo. */
const TURN_MS = 15_000
const TRY_AGAIN_MS = 150

/** What became of an account that a location enters. */
export type Entered = { is: 'entered' } | { is: 'refused'; why: string } | { is: 'unanswered' }

/**
 * Makes a Dodo account of a location's own collect for it: the key is tried, the account's webhook registered, its secret
 * read from Dodo, and all of it kept sealed. Entered again, also with a new key, it is the same account.
 */
export async function enterAccount(deps: Installing, asked: Asked): Promise<Entered> {
  const services = openAccount(deps, asked)
  try {
    await assertWrites(services)
    // Two who enter one at the same time would register it twice.
    const key = `the dodo account of ${asked.locationId} in ${asked.mode} mode`
    await inTurn(deps.highlevel.alone, key, () => register(deps, services, asked))
    return { is: 'entered' }
  } catch (error) {
    const { mode } = asked
    if (error instanceof Later || error instanceof PermanentError) return { is: 'unanswered' }
    if (!(error instanceof ApiError)) throw error
    if (error.outcome === 'unknown' || error.status === undefined) return { is: 'unanswered' }
    const why =
      error.status === 401 || error.status === 403
        ? `Dodo refuses this key in ${mode} mode: it needs an API key of ${mode} mode, with write access`
        : `Dodo refuses it (${error.status})`
    return { is: 'refused', why }
  }
}

/** Whoever comes second waits for the first one, and then finds what that one made. */
async function inTurn(alone: Alone, key: string, act: () => Promise<void>): Promise<void> {
  for (const deadline = performance.now() + TURN_MS; ; await Bun.sleep(TRY_AGAIN_MS)) {
    try {
      return await alone(key, act)
    } catch (error) {
      if (!(error instanceof Taken) || performance.now() > deadline) throw error
    }
  }
}

/** Whether Dodo takes the keys that locations have entered, and sends us what happens there: why not, in words. */
export async function tryOwnAccounts(deps: Trying) {
  const tried: { tenant: string; mode: Mode; problem: string | undefined }[] = []
  for (const one of await listCurrentAccounts(deps.db, deps.highlevel.seal))
    tried.push({ tenant: one.tenant, mode: one.mode, problem: await findProblem(deps, one) })
  return tried
}

async function findProblem(
  deps: Trying,
  { account, mode, apiKey }: { account: string; mode: Mode; apiKey: string | undefined },
): Promise<string | undefined> {
  if (apiKey === undefined) return 'no key of HIGHLEVEL_SECRET opens it'
  try {
    const services = openAccount(deps, { mode, apiKey })
    await assertWrites(services)
    const url = urlOf(deps, account)
    const registered = (await services.account.listEndpoints()).find((one) => isOf(one, account))
    if (registered?.url === url && !registered.disabled) return undefined
    const found = registered
      ? registered.disabled
        ? 'is disabled'
        : `leads to ${registered.url}`
      : 'is gone'
    return `its webhook ${found}, and should lead to ${url}`
  } catch (error) {
    if (!(error instanceof ApiError)) throw error
    return error.status === 401 || error.status === 403
      ? 'Dodo refuses its key, or lets it only read'
      : reasonOf(error)
  }
}

function openAccount(
  { config, highlevel, now }: Trying,
  { mode, apiKey }: Pick<Asked, 'mode' | 'apiKey'>,
) {
  const budget = createBudget('Dodo', config.rateLimits.Dodo, now)
  const fetch = createVendorFetch({
    service: 'Dodo',
    fetch: highlevel.fetch,
    budget,
    urgency: 'urgent',
    stop: highlevel.stop,
  })
  const reserve = createReserve({ service: 'Dodo', budget, urgency: 'urgent', now })
  const options = { url: dodoUrlOf(config, mode), apiKey, fetch, reserve }
  return { dodo: createDodo(options), account: createDodoAccount(options) }
}

/** An empty cart cannot be bought and nothing is created; a key that may only read is refused before that is seen. */
async function assertWrites({ dodo }: Services): Promise<void> {
  await dodo.findBusiness()
  try {
    await dodo.previewCheckout({ product_cart: [] })
  } catch (error) {
    const isAbout = error instanceof ApiError && error.outcome === 'refused'
    if (!isAbout || error.status === 401 || error.status === 403) throw error
  }
}

async function register(
  { config, db, queue, now, highlevel }: Installing,
  { account: dodo }: Services,
  { locationId, mode, apiKey }: Asked,
): Promise<void> {
  const owner = { source: 'highlevel', tenant: locationId, mode } as const
  const listed = await dodo.listEndpoints()
  const findOf = (id: string) => listed.find((one) => isOf(one, id))
  const before = (await listOwnAccounts(db, owner)).find(({ account }) => findOf(account))
  const account = before?.account ?? newAccountId()
  const entering = { owner, account, apiKey, at: now() }
  // From here on the endpoint that is about to be made is known to be ours, also if its answer is lost.
  await intendOwnAccount(db, highlevel.seal, entering)
  const endpoint = await makeEndpoint(dodo, urlOf({ config }, account), findOf(account))
  const webhookSecret = await dodo.getSecret(endpoint.id)
  await db.transaction(async (tx) => {
    const kept = { ...entering, webhookSecret, dodoEndpointId: endpoint.id }
    await useOwnAccount(tx, highlevel.seal, kept)
    await wakeWithin({ db: tx, queue }, 'installation', [locationId], 'customer')
  })
}

const urlOf = ({ config }: Pick<Installing, 'config'>, account: string) =>
  `${config.publicUrl}/webhooks/dodo/${account}`

/** By its id alone, which nobody else has: PUBLIC_URL may have been another when it was registered. */
const isOf = ({ url }: DodoEndpoint, account: string) =>
  URL.parse(url)?.pathname.endsWith(`/webhooks/dodo/${account}`) === true

async function makeEndpoint(
  dodo: Services['account'],
  url: string,
  known: DodoEndpoint | undefined,
): Promise<DodoEndpoint> {
  const fields = {
    url,
    description: 'HighLevel payments through Dodo Payments',
    disabled: false,
    filter_types: [...DODO_EVENTS],
    metadata: { bridge: 'highlevel' },
  }
  const find = async () => (await dodo.listEndpoints()).find((one) => one.url === url)
  if (known) return dodo.updateEndpoint(known.id, fields)
  const key = crypto.randomUUID()
  return makeSure('Dodo registered the endpoint', () => dodo.createEndpoint(fields, key), find)
}
