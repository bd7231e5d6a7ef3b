import { describe, field, PROBE_MARK, rowsOf, type Lab } from './lab.ts'
import { judged, otherwise, unknown, asAssumed, type Probe } from './probe.ts'

const READS = 20
const NO_INVOICE = 'there is no finalised invoice to ask it by'

/** It listens for nothing, where Lago knows filters; elsewhere it would be sent everything. */
async function createEndpoint(lab: Lab) {
  const seen = await lab.ask('Lago', 'POST /webhook_endpoints', {
    body: {
      webhook_endpoint: {
        webhook_url: `${lab.publicUrl}/probe/${crypto.randomUUID()}`,
        signature_algo: 'hmac',
        name: PROBE_MARK,
        event_types: [],
      },
    },
  })
  return {
    seen,
    id: remember(lab, seen.json),
    isFiltering: field(seen.json, 'webhook_endpoint', 'event_types') !== undefined,
  }
}

function remember(lab: Lab, json: unknown): string | undefined {
  const id = field(json, 'webhook_endpoint', 'lago_id')
  if (typeof id !== 'string') return undefined
  lab.made('Lago', `webhook endpoint ${id}`, `DELETE /webhook_endpoints/${id}`)
  return id
}

async function findInvoice(lab: Lab): Promise<string | undefined> {
  const seen = await lab.ask('Lago', 'GET /invoices?status=finalized&per_page=1&page=1')
  const id = rowsOf(seen, 'invoices')[0]?.['lago_id']
  return typeof id === 'string' ? id : undefined
}

const estimate = (lab: Lab, invoiceId: string, items: unknown[]) =>
  lab.ask('Lago', 'POST /credit_notes/estimate', {
    body: { credit_note: { invoice_id: invoiceId, items } },
  })

export const LAGO_PROBES: readonly Probe[] = [
  {
    id: 'lago.license',
    asks: 'does an estimate of nothing tell a licence?',
    assumed: '200 with one, 403 feature_unavailable without',
    async run(lab) {
      const invoiceId = await findInvoice(lab)
      if (invoiceId === undefined) return unknown(NO_INVOICE)
      const seen = await estimate(lab, invoiceId, [])
      const isFree = seen.status === 403 && seen.json['code'] === 'feature_unavailable'
      return judged(seen.status === 200 || isFree, isFree ? 'no licence' : describe(seen))
    },
  },
  {
    id: 'lago.text_amount',
    asks: 'what becomes of an amount that is a text?',
    assumed: '500; the bridge sends numbers only',
    async run(lab) {
      const invoiceId = await findInvoice(lab)
      if (invoiceId === undefined) return unknown(NO_INVOICE)
      const seen = await estimate(lab, invoiceId, [
        { fee_id: crypto.randomUUID(), amount_cents: '1' },
      ])
      if (seen.status === 403) return unknown('no licence to ask it with')
      return judged(seen.status === 500, describe(seen))
    },
  },
  {
    id: 'lago.malformed',
    asks: 'how is a body that is no JSON answered?',
    assumed: '400, with a body that need not be JSON',
    async run(lab) {
      const seen = await lab.ask('Lago', 'POST /webhook_endpoints', { body: '{' })
      remember(lab, seen.json)
      return judged(
        seen.status === 400,
        `${seen.status}, ${seen.headers.get('content-type') ?? 'no type'}`,
      )
    },
  },
  {
    id: 'lago.algorithm',
    asks: 'how is a signature that Lago does not know answered?',
    assumed: '500',
    async run(lab) {
      const seen = await lab.ask('Lago', 'POST /webhook_endpoints', {
        body: {
          webhook_endpoint: {
            webhook_url: `${lab.publicUrl}/probe/algorithm`,
            signature_algo: 'probe',
            name: PROBE_MARK,
            event_types: [],
          },
        },
      })
      const isMade = remember(lab, seen.json) !== undefined
      return isMade
        ? otherwise('an endpoint was made')
        : judged(seen.status === 500, describe(seen))
    },
  },
  {
    id: 'lago.stale_reads',
    asks: 'is a change seen by the next read?',
    assumed: 'not always; the bridge reads again before money moves',
    async run(lab) {
      const { seen, id, isFiltering } = await createEndpoint(lab)
      if (id === undefined) return unknown(describe(seen))
      if (!isFiltering) {
        await lab.ask('Lago', `DELETE /webhook_endpoints/${id}`)
        return unknown('this Lago knows no filter: an endpoint would be sent everything')
      }
      let stale = 0
      for (let index = 0; index < READS; index += 1) {
        const name = `${PROBE_MARK} ${index}`
        await lab.ask('Lago', `PUT /webhook_endpoints/${id}`, {
          body: { webhook_endpoint: { name } },
        })
        const { json } = await lab.ask('Lago', `GET /webhook_endpoints/${id}`)
        if (field(json, 'webhook_endpoint', 'name') !== name) stale += 1
      }
      return stale === 0
        ? otherwise(`all of ${READS} reads saw the change`)
        : asAssumed(`${stale} of ${READS} reads did not see the change`)
    },
  },
  {
    id: 'lago.rate_limit',
    asks: 'what do the headers of the request limit say?',
    assumed: '50 a second on Lago Cloud, none elsewhere',
    async run(lab) {
      const { headers } = await lab.ask('Lago', 'GET /organizations')
      const shown = ['limit', 'remaining', 'reset'].map(
        (name) => `${name} ${headers.get(`x-ratelimit-${name}`) ?? 'none'}`,
      )
      return unknown(shown.join(', '))
    },
  },
]
