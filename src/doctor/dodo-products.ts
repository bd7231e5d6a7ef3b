import type { CheckoutBody } from '../dodo/client.ts'
import { isOfOrganization } from '../billers/lago/decide/metadata.ts'
import { formatDodo, minimumDodoMinor } from '../collect/money.ts'
import { ApiError } from '../errors.ts'
import { count } from '../print/text.ts'
import { MANAGED_BY } from '../collect/act/product.ts'
import { explainRefusal } from '../setup/explain-refusal.ts'
import { products } from '../db/schema.ts'
import { fail, ok, skip, warn, type Check } from './check.ts'
import type { Patient } from './patient.ts'

type Product = Awaited<ReturnType<Patient['products']>>[number]

/** What is asked for in each currency, unless Dodo takes no so little. */
const SAMPLE_MINOR = 1_000
const MAX_PREVIEWS = 10

export const dodoProducts: Check = {
  id: 'dodo.products',
  needs: ['dodo.mode', 'lago.key'],
  async run(patient) {
    const ours = await listOurs(patient)
    if (ours.length === 0)
      return ok('none yet: they are made with the first invoice, or by `bridge setup`')
    const isUsed = await readUse(patient)
    const wrong = ours.flatMap((one) => {
      const problem = findProblem(one)
      const name = `${one.name ?? 'unnamed'} ${one.product_id}`
      return problem ? [{ ...problem, name, isUsed: isUsed(one) }] : []
    })
    if (wrong.length === 0)
      return ok(`${count(ours.length, 'product')}, tax-inclusive, pay what you want`)
    const evidence = wrong.map(({ name, what, isUsed: isInUse }) =>
      isInUse ? `${name} ${what}` : `${name} ${what}; it is not in use`,
    )
    const first = wrong.find((one) => one.isUsed)
    if (first) return fail(evidence.join('\n'), first.fix)
    return warn(evidence.join('\n'), 'archive it: Dodo > Products > that one')
  },
}

export const dodoCheckout: Check = {
  id: 'dodo.checkout',
  needs: ['dodo.key', 'lago.key'],
  async run(patient) {
    const isUsed = await readUse(patient)
    const asked = (await listOurs(patient)).filter((one) => !one.is_recurring && isUsed(one))
    if (asked.length === 0) return skip('there is no product to preview yet')
    const outcomes = await Promise.all(
      asked.slice(0, MAX_PREVIEWS).map((one) => preview(patient, one)),
    )
    const wrong = outcomes.filter(({ problem }) => problem !== undefined)
    if (wrong.length === 0)
      return ok(`asks for exactly what is due: ${outcomes.map((one) => one.asked).join(', ')}`)
    const evidence = wrong.map((one) => `${one.asked}: ${one.problem}`).join('\n')
    return fail(
      evidence,
      'turn off adaptive currency and discounts in Dodo, make the product tax-inclusive, or see what the refusal says',
    )
  },
}

/** Those that the bridge made for this organisation; what else is sold is none of its business. */
async function listOurs({ products: list, organizationId: whose }: Patient): Promise<Product[]> {
  const organizationId = await whose()
  return (await list()).filter(
    ({ metadata }) =>
      metadata['managed_by'] === MANAGED_BY &&
      (organizationId === undefined || isOfOrganization(metadata, organizationId)),
  )
}

/**
 * Whether a product is what a currency is asked for with: the one that the ledger remembers, else one that would be found,
 * which passes over those that add tax.
 */
async function readUse({ ledger }: Patient): Promise<(product: Product) => boolean> {
  const opened = await ledger().catch(() => undefined)
  const isReadable = opened && opened.installation.pending.length === 0
  const remembered = isReadable ? await opened.db.select().from(products) : []
  return (one) =>
    remembered.some(({ dodoProductId }) => dodoProductId === one.product_id) ||
    (one.tax_inclusive !== false &&
      !remembered.some(
        ({ kind, currency }) => kind === one.metadata['kind'] && currency === one.currency,
      ))
}

function findProblem({ tax_inclusive, price_detail, is_recurring, currency }: Product) {
  if (tax_inclusive === false) {
    return {
      what: 'is tax-exclusive: customers would be asked for more',
      fix: 'Dodo > Products > that one > price > tax inclusive',
    }
  }
  if (is_recurring || !price_detail || !currency) return undefined
  if (price_detail.pay_what_you_want === false) {
    return {
      what: 'has a fixed price, whatever is due',
      fix: 'Dodo > Products > that one > price > pay what you want',
    }
  }
  const least = minimumDodoMinor(currency)
  if ((price_detail.price ?? 0) > least) {
    return {
      what: `takes no less than ${formatDodo(price_detail.price ?? 0, currency)}`,
      fix: `Dodo > Products > that one > minimum ${formatDodo(least, currency)}`,
    }
  }
  return undefined
}

/** Where tax is due and the money is another, so that what is added or converted shows. */
async function preview({ dodo }: Patient, product: Product) {
  const currency = product.currency ?? 'USD'
  const amount = Math.max(SAMPLE_MINOR, minimumDodoMinor(currency))
  const country = currency === 'EUR' ? 'US' : 'DE'
  const asked = `${formatDodo(amount, currency)} in ${country}`
  const body: CheckoutBody = {
    product_cart: [{ product_id: product.product_id, quantity: 1, amount }],
    billing_address: { country },
  }
  try {
    const { currency: shown, current_breakup: sums } = await dodo.previewCheckout(body)
    const isExact = shown === currency && sums.total_amount === amount
    return isExact
      ? { asked, problem: undefined }
      : {
          asked,
          problem: `the customer would pay ${sums.total_amount} of ${shown}'s smallest unit`,
        }
  } catch (error) {
    if (!(error instanceof ApiError) || error.outcome === 'unknown') throw error
    return { asked, problem: explainRefusal(error, { hasRead: true }) }
  }
}
