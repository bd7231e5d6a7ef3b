import { ApiError } from '../errors.ts'
import { count } from '../print/text.ts'
import { fail, ok, skip, warn, type Check } from './check.ts'
import { listCurrencies } from '../setup/plan-products.ts'
import { formatDodo, isSupportedCurrency, minimumDodoMinor, toDodoMinor } from '../collect/money.ts'

const FREE =
  'payments are told by payment status, and refunds are not credited: see Licences in docs/operations.md'
const MAX_NAMED = 3
/** One small invoice is the last of a customer who has left. */
const OFTEN = 3
const OFTEN_SHARE = 0.1

export const lagoLicense: Check = {
  id: 'lago.license',
  needs: ['lago.key'],
  async run({ installation, config, lago }) {
    const { license } = config.lago
    if (!lago.can('payments'))
      return warn('a Lago before 1.19 records no payments, licence or not', 'upgrade Lago')
    if (license === 'free')
      return warn(`LAGO_LICENSE=free: ${FREE}`, 'if Lago is premium, set LAGO_LICENSE=auto')
    const [invoice] = await installation.listNewestInvoices()
    if (!invoice) return skip('there is no invoice yet to ask it by')
    const refusal: unknown = await installation.estimateNothing(invoice.lago_id).then(
      () => undefined,
      (error: unknown) => error,
    )
    const isFree = refusal instanceof ApiError && refusal.code === 'feature_unavailable'
    return isFree
      ? warn(`this Lago has no premium licence: ${FREE}`, 'a licence of Lago, or leave it so')
      : ok('premium, as far as an estimate of a credit note shows')
  },
}

export const lagoProviders: Check = {
  id: 'lago.providers',
  needs: ['lago.key'],
  async run({ installation }) {
    const customers = await installation.listNewestCustomers()
    const theirs = customers.filter((one) => one.billing_configuration?.payment_provider)
    if (theirs.length === 0)
      return ok(`none of ${count(customers.length, 'customer')} is collected by Lago itself`)
    const named = theirs.slice(0, MAX_NAMED).map((one) => one.name || one.external_id)
    const more = theirs.length > MAX_NAMED ? ', …' : ''
    return warn(
      `${theirs.length} of ${count(customers.length, 'customer')} are collected by a provider of Lago's own: ${named.join(', ')}${more}`,
      'they are left to Lago; take the provider off a customer who is to be collected here',
    )
  },
}

export const lagoTax: Check = {
  id: 'lago.tax',
  needs: ['lago.key'],
  async run({ installation }) {
    const invoices = await installation.listNewestInvoices()
    if (invoices.length === 0) return skip('there is no invoice yet')
    const taxed = invoices.filter((one) => (one.taxes_amount_cents ?? 0) > 0)
    const evidence = `${taxed.length} of the newest ${count(invoices.length, 'invoice')} carry tax of Lago's`
    return taxed.length === 0
      ? ok(evidence)
      : warn(
          `${evidence}; Dodo finds, charges and remits its own, out of the same total`,
          'let Lago add no tax to what Dodo collects',
        )
  },
}

export const currencies: Check = {
  id: 'currencies',
  needs: ['lago.key'],
  async run({ installation }) {
    const [configured, invoices] = await Promise.all([
      listCurrencies({ installation }),
      // That they may not be read is told of elsewhere.
      installation.listNewestInvoices().catch((error: unknown) => {
        if (error instanceof ApiError && error.status === 403) return []
        throw error
      }),
    ])
    const billed = invoices.flatMap(({ currency }) => currency ?? [])
    const found = [...new Set([...configured, ...billed])].toSorted()
    const refused = found.filter((one) => !isSupportedCurrency(one))
    if (refused.length > 0)
      return fail(
        `${refused.join(', ')} cannot be carried between Lago and Dodo without guessing`,
        'bill those customers in another currency, or collect them elsewhere',
      )
    const small = found.flatMap((currency) => findSmall(currency, invoices))
    return small.length === 0
      ? ok(found.join(', '))
      : warn(
          small.join('\n'),
          'bill these less often, so that more comes together, or with a minimum: a smaller amount is not collected',
        )
  },
}

type Billed = {
  currency?: string | null | undefined
  total_amount_cents?: number | null | undefined
}

/** A currency in which many of the newest invoices are of less than Dodo takes, in words. */
function findSmall(currency: string, invoices: readonly Billed[]): string[] {
  const amounts = invoices.flatMap((one) =>
    one.currency === currency && one.total_amount_cents ? [one.total_amount_cents] : [],
  )
  const least = minimumDodoMinor(currency)
  const small = amounts.filter((amount) => toDodoMinor(amount, currency) < least)
  const isOften = small.length >= OFTEN && small.length / amounts.length >= OFTEN_SHARE
  if (!isOften) return []
  return [
    `${small.length} of the newest ${count(amounts.length, 'invoice')} in ${currency} are below the ${formatDodo(least, currency)} that Dodo takes at least`,
  ]
}
