import { describe, field, PROBE_MARK, type Lab, type Seen } from './lab.ts'

/** A product like those of the bridge, for one run. */
export const sampleProduct = (currency: string, price: number) => ({
  name: `Probe of the bridge (${currency})`,
  tax_category: 'saas',
  price: {
    type: 'one_time_price',
    currency,
    price,
    discount: 0,
    purchasing_power_parity: false,
    pay_what_you_want: true,
    tax_inclusive: true,
  },
  metadata: { probe: PROBE_MARK },
})

/** Creates it, and has it archived in the end: Dodo deletes no product. */
export async function createProduct(
  lab: Lab,
  product: ReturnType<typeof sampleProduct>,
  headers: Record<string, string> = {},
): Promise<{ id: string | undefined; seen: Seen }> {
  const seen = await lab.ask('Dodo', 'POST /products', { body: product, headers })
  const id = field(seen.json, 'product_id')
  if (typeof id !== 'string') return { id: undefined, seen }
  lab.made('Dodo', `product ${id}`, `DELETE /products/${id}`)
  return { id, seen }
}

const samples = new WeakMap<Lab, Promise<string>>()

/** The product in US dollars that several probes share. Throws what Dodo said where it made none. */
function sampleIn(lab: Lab): Promise<string> {
  const made =
    samples.get(lab) ??
    createProduct(lab, sampleProduct('USD', 50)).then(({ id, seen }) => {
      if (id === undefined) throw new Error(`no product was made: ${describe(seen)}`)
      return id
    })
  samples.set(lab, made)
  return made
}

/** What a checkout would ask for, which creates nothing. */
export async function preview(
  lab: Lab,
  cart: { amount: number; quantity?: number; country: string; taxId?: string },
) {
  const productId = await sampleIn(lab)
  const { amount, quantity = 1, country, taxId } = cart
  const seen = await lab.ask('Dodo', 'POST /checkouts/preview', {
    body: {
      product_cart: [{ product_id: productId, quantity, amount }],
      billing_address: { country },
      ...(taxId !== undefined && { tax_id: taxId }),
    },
  })
  const total = field(seen.json, 'current_breakup', 'total_amount')
  const currency = field(seen.json, 'currency')
  return { seen, total, currency, shown: `${String(total)} ${String(currency)}` }
}
