import { createProduct, preview, sampleProduct } from './dodo-sample.ts'
import { describe, field, PROBE_MARK, rowsOf, type Lab } from './lab.ts'
import { asAssumed, judged, otherwise, unknown, type Probe } from './probe.ts'

const AMOUNT = 1_000
/** A number that VIES confirms, of a company that publishes it. */
const EU_TAX_ID = 'IE6388047V'

/** Nobody is called: what it listens for does not happen to whoever collects invoices. */
const endpointBody = (lab: Lab, key: string) => ({
  url: `${lab.publicUrl}/probe/${key}`,
  description: PROBE_MARK,
  disabled: true,
  filter_types: ['license_key.created'],
  metadata: { probe: PROBE_MARK },
  idempotency_key: key,
})

async function createEndpoint(lab: Lab, key: string) {
  const seen = await lab.ask('Dodo', 'POST /webhooks', { body: endpointBody(lab, key) })
  const id = field(seen.json, 'id')
  if (typeof id !== 'string') return { seen, id: undefined }
  lab.made('Dodo', `webhook endpoint ${id}`, `DELETE /webhooks/${id}`)
  return { seen, id }
}

export const DODO_PROBES: readonly Probe[] = [
  {
    id: 'dodo.total',
    asks: 'is a tax-inclusive amount the total where tax is due?',
    assumed: 'exactly the amount',
    async run(lab) {
      const { seen, total, currency, shown } = await preview(lab, { amount: AMOUNT, country: 'DE' })
      if (seen.status >= 300) return unknown(describe(seen))
      return judged(total === AMOUNT && currency === 'USD', `${AMOUNT} asked, ${shown} shown`)
    },
  },
  {
    id: 'dodo.adaptive',
    asks: 'does the currency stay the same in a country with another one?',
    assumed: 'it stays: adaptive currency is off',
    async run(lab) {
      const { seen, currency, shown } = await preview(lab, { amount: AMOUNT, country: 'IN' })
      if (seen.status >= 300) return unknown(describe(seen))
      return judged(currency === 'USD', `${AMOUNT} USD asked, ${shown} shown in India`)
    },
  },
  {
    id: 'dodo.quantity',
    asks: 'is an amount multiplied by a quantity?',
    assumed: 'it is; the bridge asks for a quantity of 1 only',
    async run(lab) {
      const { seen, total, shown } = await preview(lab, {
        amount: AMOUNT,
        quantity: 2,
        country: 'US',
      })
      if (seen.status >= 300) return unknown(describe(seen))
      return judged(total === 2 * AMOUNT, `2 of ${AMOUNT} asked, ${shown} shown`)
    },
  },
  {
    id: 'dodo.tax_id',
    asks: 'does the total stay when a company gives its tax number?',
    assumed: 'it stays; the bridge allows none on the page',
    async run(lab) {
      const cart = { amount: AMOUNT, country: 'IE' }
      const without = await preview(lab, cart)
      const withId = await preview(lab, { ...cart, taxId: EU_TAX_ID })
      if (withId.seen.status >= 300) return unknown(describe(withId.seen))
      return judged(
        withId.total === without.total,
        `${without.shown} without, ${withId.shown} with it`,
      )
    },
  },
  {
    id: 'dodo.decimals',
    asks: 'is a currency with three decimals sold?',
    assumed: 'not known; the bridge refuses them',
    async run(lab) {
      const { id, seen } = await createProduct(lab, sampleProduct('KWD', AMOUNT))
      return id === undefined
        ? asAssumed(describe(seen))
        : otherwise(`a product of ${AMOUNT} KWD was made`)
    },
  },
  {
    id: 'dodo.idempotency',
    asks: 'is the header Idempotency-Key honoured?',
    assumed: 'it is not; nothing relies on it',
    async run(lab) {
      const headers = { 'Idempotency-Key': crypto.randomUUID() }
      const product = sampleProduct('USD', 50)
      const [first, second] = [
        await createProduct(lab, product, headers),
        await createProduct(lab, product, headers),
      ]
      if (!first.id || !second.id)
        return unknown(`${describe(first.seen)}, ${describe(second.seen)}`)
      return first.id === second.id
        ? otherwise('the same product twice')
        : asAssumed('two products for one key')
    },
  },
  {
    id: 'dodo.webhook_key',
    asks: 'is the idempotency_key of a webhook endpoint honoured?',
    assumed: 'it is: one endpoint for one key',
    async run(lab) {
      const key = crypto.randomUUID()
      const [first, second] = [await createEndpoint(lab, key), await createEndpoint(lab, key)]
      if (!first.id) return unknown(describe(first.seen))
      return judged(
        first.id === second.id,
        `${first.id}, then ${second.id ?? describe(second.seen)}`,
      )
    },
  },
  {
    id: 'dodo.enabling',
    asks: 'can an endpoint that is disabled be enabled by the API?',
    assumed: 'it can: `bridge setup` does',
    async run(lab) {
      const { id, seen } = await createEndpoint(lab, crypto.randomUUID())
      if (!id) return unknown(describe(seen))
      await lab.ask('Dodo', `PATCH /webhooks/${id}`, { body: { disabled: false } })
      const after = await lab.ask('Dodo', `GET /webhooks/${id}`)
      const disabled = field(after.json, 'disabled')
      return judged(
        disabled !== true,
        `disabled: ${String(field(seen.json, 'disabled'))}, then ${String(disabled)}`,
      )
    },
  },
  {
    id: 'dodo.list_order',
    asks: 'in which order are payments listed?',
    assumed: 'not known; the bridge relies on none',
    async run(lab) {
      const seen = await lab.ask('Dodo', 'GET /payments?page_size=20&page_number=0')
      const times = rowsOf(seen, 'items').flatMap((row) =>
        typeof row['created_at'] === 'string' ? [row['created_at']] : [],
      )
      if (times.length < 2) return unknown(`${times.length} payments: make two, and ask again`)
      const sorted = times.toSorted()
      const isNewest = times.every((one, index) => one === sorted.at(-1 - index))
      const isOldest = times.every((one, index) => one === sorted[index])
      return asAssumed(
        isNewest ? 'the newest first' : isOldest ? 'the oldest first' : 'in no order of time',
      )
    },
  },
  {
    id: 'dodo.rate_limit',
    asks: 'what do the headers of the request limit say?',
    assumed: '240 a minute; seconds until more is allowed',
    async run(lab) {
      const { headers } = await lab.ask('Dodo', 'GET /products?page_size=1&page_number=0')
      const shown = ['limit', 'remaining', 'reset'].map(
        (name) => `${name} ${headers.get(`x-ratelimit-${name}`) ?? 'none'}`,
      )
      return unknown(shown.join(', '))
    },
  },
]
