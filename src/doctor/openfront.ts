import { and, desc, eq, sql } from 'drizzle-orm'

import type { Config } from '../config.ts'
import { orders } from '../db/schema.ts'
import { isPrivate } from '../env/private-address.ts'
import { ApiError, reasonOf, WrongAddress } from '../errors.ts'
import { count } from '../print/text.ts'
import { fail, ok, skip, warn, type Check, type Finding } from './check.ts'
import type { Patient } from './patient.ts'

type Store = NonNullable<Config['openfront']>['stores'][number]

/** A cart that no shop has. */
const NO_CART = 'bridge-doctor'
const NEWEST = 5

const storesOf = ({ config }: Pick<Patient, 'config'>): Store[] => config.openfront?.stores ?? []

/** What is said of several stores, as one finding: the worst of them, each on a line of its own. */
function joined(findings: readonly { store: string; finding: Finding }[]): Finding {
  const order = ['fail', 'warn', 'ok', 'skip'] as const
  const verdict = order.find((one) => findings.some(({ finding }) => finding.verdict === one))
  const lines = findings.map(({ store, finding }) => `${store}: ${finding.evidence}`)
  const fix = findings.find(({ finding }) => finding.verdict === verdict)?.finding.fix
  return {
    verdict: verdict ?? 'skip',
    evidence: lines.join('\n'),
    ...(fix !== undefined && { fix }),
  }
}

const each = async (patient: Patient, look: (store: Store) => Promise<Finding> | Finding) =>
  joined(
    await Promise.all(
      storesOf(patient).map(async (store) => ({ store: store.name, finding: await look(store) })),
    ),
  )

const openfrontSecrets: Check = {
  id: 'openfront.secrets',
  run(patient) {
    const owners = new Map<string, Set<string>>()
    for (const { name, apiKeys } of storesOf(patient))
      for (const key of apiKeys) owners.set(key, (owners.get(key) ?? new Set()).add(name))
    const shared = [...owners.values()].filter(({ size }) => size > 1)
    const several = storesOf(patient).filter(({ apiKeys }) => apiKeys.length > 1)
    if (shared.length > 0)
      return fail(
        `${shared.map((stores) => [...stores].join(' and ')).join('; ')} have the same secret: nobody can tell which of them calls`,
        'make one for each store: openssl rand -hex 24',
      )
    const stores = count(storesOf(patient).length, 'store')
    return several.length === 0
      ? ok(`${stores}, each with a secret of its own`)
      : ok(
          `${stores}; ${several.map(({ name, apiKeys }) => `${name} has ${apiKeys.length} secrets`).join(', ')}: take the old ones out once the shop uses the new one`,
        )
  },
}

const openfrontReturn: Check = {
  id: 'openfront.return',
  run: (patient) => each(patient, (store) => judgeReturn(store, patient)),
}

function judgeReturn({ name, returnUrl }: Store, { config }: Patient): Finding {
  if (returnUrl === undefined)
    return warn(
      'shoppers who have paid stay on a page of the bridge, and their order waits until the cart is completed from here',
      `set OPENFRONT_RETURN_URLS=${name}:<the page of the shop's checkout>, with {cartId} where the cart's id belongs`,
    )
  const isOutside = !isPrivate(new URL(config.publicUrl).hostname)
  if (isOutside && isPrivate(new URL(returnUrl.replaceAll('{cartId}', 'cart')).hostname))
    return fail(
      `${returnUrl} cannot be reached by shoppers`,
      'set OPENFRONT_RETURN_URLS to an address that the internet knows',
    )
  if (isOutside && !returnUrl.startsWith('https:'))
    return warn(`${returnUrl} is not encrypted`, 'set OPENFRONT_RETURN_URLS to its https address')
  if (!returnUrl.includes('{cartId}'))
    return warn(
      `${returnUrl} is the same for every cart: the shop has to know by its cookie which cart was paid`,
      'put {cartId} where the id of the cart belongs, if the shop takes it',
    )
  return ok(returnUrl)
}

const openfrontShop: Check = {
  id: 'openfront.shop',
  run: (patient) =>
    each(patient, async ({ name }) => {
      const shop = patient.shop(name)
      if (!shop)
        return warn(
          'its address is not set: the cart of a shopper who pays and closes the page becomes no order',
          `set OPENFRONT_URLS=${name}:https://…/api/graphql, and OPENFRONT_TOKENS`,
        )
      const problem = await problemOf(shop.findActiveCart(NO_CART))
      return problem === undefined
        ? ok(`${addressOf(patient, name)} answers`)
        : fail(problem, 'set OPENFRONT_URLS to the address of the shop’s GraphQL, …/api/graphql')
    }),
}

const openfrontToken: Check = {
  id: 'openfront.token',
  needs: ['openfront.shop', 'schema'],
  run: (patient) =>
    each(patient, async ({ name, token }) => {
      const shop = patient.shop(name)
      if (!shop) return skip('its address is not set')
      if (token === undefined)
        return warn(
          'there is none: nobody can tell whether a cart has become an order, so that none is completed',
          `create an API key with read_orders in the shop, and set OPENFRONT_TOKENS=${name}:of_…`,
        )
      return judgeToken(shop, await newestKeys(patient, name))
    }),
}

const NEW_TOKEN =
  'create an API key with the scope read_orders in the shop, without a limit of IP addresses that keeps this machine out'

/** A key that may not read is shown nothing, which is what a cart that does not exist is shown too: only one that is there proves it. */
async function judgeToken(
  shop: NonNullable<ReturnType<Patient['shop']>>,
  keys: string[],
): Promise<Finding> {
  const refusal = await problemOf(shop.findOrderOfCart(NO_CART))
  if (refusal !== undefined) return fail(refusal, NEW_TOKEN)
  if (keys.length === 0) return ok('taken; the first cart will show what it may read')
  const seen = await Promise.all(keys.map((key) => shop.findOrderOfCart(key)))
  return seen.some((order) => order !== undefined)
    ? ok('reads carts and their orders')
    : fail(`it is shown none of the newest ${count(keys.length, 'cart')}`, NEW_TOKEN)
}

const openfrontPatch: Check = {
  id: 'openfront.patch',
  needs: ['schema'],
  run: (patient) =>
    each(patient, async ({ name }) => {
      const { db } = await patient.ledger()
      const [seen] = await db
        .select({
          claimed: sql<number>`count(*) filter (where ${orders.claimedAt} is not null)::int`,
          paid: sql<number>`count(*) filter (where exists (
            select from recordings where recordings.receivable_id = ${orders.orderId} and disposition = 'applied'))::int`,
        })
        .from(orders)
        .where(and(eq(orders.source, 'openfront'), eq(orders.tenant, name)))
      const { claimed = 0, paid = 0 } = seen ?? {}
      if (paid === 0) return skip('nothing was paid yet, by which that could be seen')
      if (claimed > 0) return ok(`has asked what became of ${count(claimed, 'paid cart')}`)
      return fail(
        `never asked what became of ${count(paid, 'paid cart')}: as published, a shop makes no order of them`,
        'change the places of the shop that docs/openfront.md names',
      )
    }),
}

async function newestKeys({ ledger }: Patient, store: string): Promise<string[]> {
  const { db } = await ledger()
  const rows = await db
    .select({ key: orders.key })
    .from(orders)
    .where(and(eq(orders.source, 'openfront'), eq(orders.tenant, store)))
    .orderBy(desc(orders.createdAt))
    .limit(NEWEST)
  return [...new Set(rows.map(({ key }) => key))]
}

const addressOf = (patient: Patient, store: string) =>
  storesOf(patient).find(({ name }) => name === store)?.url ?? ''

/** What went wrong, in words; undefined when it was answered. */
async function problemOf(asked: Promise<unknown>): Promise<string | undefined> {
  try {
    await asked
    return undefined
  } catch (error) {
    if (error instanceof WrongAddress) return error.remedy
    if (error instanceof ApiError) return reasonOf(error)
    throw error
  }
}

/** In the order in which they are told. */
export const OPENFRONT_CHECKS: readonly Check[] = [
  openfrontSecrets,
  openfrontReturn,
  openfrontShop,
  openfrontToken,
  openfrontPatch,
]
