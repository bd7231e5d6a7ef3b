import type { Config } from '../config.ts'
import { isOfOrganization } from '../billers/lago/decide/metadata.ts'
import { describeProduct, isProductFor, type Product } from '../collect/act/product.ts'
import { isSupportedCurrency } from '../collect/money.ts'
import { ApiError } from '../errors.ts'
import type { Services } from './services.ts'
import type { Plan, Step } from './step.ts'
import { makeSure } from './sure.ts'

type Planning = Pick<Services, 'dodo' | 'installation'> & {
  config: Pick<Config, 'collection'>
  organizationId: string | undefined
}

/**
 * The products that the bridge would else create with the first invoice of a currency. One that is archived is not
 * listed, and so created anew.
 */
export async function planProducts(deps: Planning, currencies: readonly string[]): Promise<Plan> {
  const listed = await deps.dodo.listProducts()
  const kinds =
    deps.config.collection === 'automatic'
      ? (['invoice', 'mandate'] as const)
      : (['invoice'] as const)
  const steps = currencies.filter(isSupportedCurrency).flatMap((currency) =>
    kinds.map((kind): Step => {
      const product = { kind, currency }
      const { name } = describeProduct(product, markOf(deps))
      const known = listed.find((one) => isOurs(one, product, deps.organizationId))
      const step = { what: 'Dodo product' } as const
      return known
        ? { ...step, verb: 'keep', about: `${name} ${known.product_id}` }
        : { ...step, verb: 'create', about: name, run: () => create(deps, product) }
    }),
  )
  const refused = currencies.filter((currency) => !isSupportedCurrency(currency))
  const left = refused.map((currency): Step => ({
    what: 'Dodo product',
    verb: 'leave',
    about: `${currency}: an amount in it cannot be carried between the two without guessing`,
  }))
  return { steps: [...steps, ...left], afterwards: [] }
}

async function create({ dodo, organizationId }: Planning, product: Product) {
  await makeSure(
    'Dodo created the product',
    async () =>
      (await dodo.createProduct(describeProduct(product, markOf({ organizationId })))).product_id,
    async () =>
      (await dodo.listProducts()).find((one) => isOurs(one, product, organizationId))?.product_id,
  )
}

/**
 * The currencies that Lago has: of the organisation, of its newest plans and customers. What the key may not list is
 * left out.
 */
export async function listCurrencies({
  installation,
}: Pick<Services, 'installation'>): Promise<string[]> {
  const { default_currency: own } = await installation.getOrganization()
  const lists = await Promise.all(
    [installation.listPlanCurrencies, installation.listCustomerCurrencies].map((list) =>
      list().catch((error: unknown) => {
        if (error instanceof ApiError && error.status === 403) return []
        throw error
      }),
    ),
  )
  return [...new Set([own ?? [], ...lists].flat())].toSorted()
}

const markOf = ({ organizationId }: Pick<Planning, 'organizationId'>): Record<string, string> =>
  organizationId === undefined ? {} : { lago_organization_id: organizationId }

const isOurs = (
  listed: Parameters<typeof isProductFor>[0],
  product: Product,
  organizationId: string | undefined,
) =>
  isProductFor(listed, product) &&
  (organizationId === undefined || isOfOrganization(listed.metadata, organizationId))
