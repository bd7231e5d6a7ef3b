import { Client } from 'lago-javascript-client'
import { z } from 'zod'

import { call, keepTexts, PAGE_SIZE, readPage } from './call.ts'

/** A few hundred rows tell which currencies there are; nobody waits for a hundred thousand customers. */
const MAX_SURVEY_PAGES = 5

/** `event_types` and `name` are absent, not null, before Lago 1.44, which ignores both and sends every event. */
const Endpoint = z.object({
  lago_id: z.string(),
  webhook_url: z.string(),
  signature_algo: z.string().nullish(),
  name: z.string().nullish(),
  event_types: z.array(z.string()).nullish(),
})
export type LagoEndpoint = z.infer<typeof Endpoint>
/** What is said of an endpoint; `event_types: null` asks for every event. */
export type LagoEndpointFields = {
  webhook_url: string
  signature_algo: 'hmac' | 'jwt'
  event_types: string[] | null
  name?: string
}

const ONE = { page: 1, per_page: 1 }
const Customer = z.object({
  external_id: z.string(),
  name: z.string().nullish(),
  billing_configuration: z.object({ payment_provider: z.string().nullish() }).nullish(),
})
const Invoice = z.object({
  lago_id: z.string(),
  number: z.string().nullish(),
  currency: z.string().nullish(),
  total_amount_cents: z.number().nullish(),
  taxes_amount_cents: z.number().nullish(),
})
const Answer = z.object({ webhook_endpoint: Endpoint })
const Organization = z.object({
  organization: z.object({
    lago_id: z.string(),
    name: z.string().nullish(),
    default_currency: z.string().nullish(),
  }),
})

/**
 * What commands ask of a Lago beside its ledger: where it sends events to, and which currencies there are. Every
 * method throws `ApiError`, or `Later` when Lago asks us to slow down (lago-api
 * `app/controllers/api/v1/webhook_endpoints_controller.rb`).
 */
export function createLagoInstallation(options: {
  url: string
  apiKey: string
  fetch: typeof globalThis.fetch
}) {
  const client = Client(options.apiKey, {
    baseUrl: `${options.url}/api/v1`,
    customFetch: keepTexts(options.fetch),
  })

  const getOrganization = () =>
    call('read the organisation', Organization, () => client.organizations.findOrganization()).then(
      ({ organization }) => organization,
    )

  /** At most ten: Lago takes no more for an organisation. */
  const listEndpoints = () =>
    call('list the webhook endpoints', z.object({ webhook_endpoints: z.array(Endpoint) }), () =>
      client.webhookEndpoints.findAllWebhookEndpoints({ page: 1, per_page: PAGE_SIZE }),
    ).then(({ webhook_endpoints }) => webhook_endpoints)

  const createEndpoint = (fields: LagoEndpointFields) =>
    call(
      'create a webhook endpoint',
      Answer,
      () => client.webhookEndpoints.createWebhookEndpoint({ webhook_endpoint: fields }),
      'write',
    ).then(({ webhook_endpoint }) => webhook_endpoint)

  /** May be repeated. Deliveries that still wait for their repetition go to the new address. */
  const updateEndpoint = (lagoEndpointId: string, fields: LagoEndpointFields) =>
    call(
      `change webhook endpoint ${lagoEndpointId}`,
      Answer,
      () =>
        client.webhookEndpoints.updateWebhookEndpoint(encodeURIComponent(lagoEndpointId), {
          webhook_endpoint: fields,
        }),
      'write',
    ).then(({ webhook_endpoint }) => webhook_endpoint)

  /** Its deliveries that still wait for their repetition go with it. */
  const removeEndpoint = (lagoEndpointId: string) =>
    call(
      `remove webhook endpoint ${lagoEndpointId}`,
      Answer,
      () => client.webhookEndpoints.destroyWebhookEndpoint(encodeURIComponent(lagoEndpointId)),
      'write',
    )

  /** The currencies of the newest plans. */
  const listPlanCurrencies = () =>
    currenciesIn('plans', 'amount_currency', (page) =>
      client.plans.findAllPlans({ page, per_page: PAGE_SIZE }),
    )

  /** The currencies of the newest customers. */
  const listCustomerCurrencies = () =>
    currenciesIn('customers', 'currency', (page) =>
      client.customers.findAllCustomers({ page, per_page: PAGE_SIZE }),
    )

  /** The newest customers: who they are, and whether Lago collects from them itself. */
  const listNewestCustomers = () =>
    call('list customers', z.object({ customers: z.array(Customer) }), () =>
      client.customers.findAllCustomers({ page: 1, per_page: PAGE_SIZE }),
    ).then(({ customers }) => customers)

  /** The newest finalised invoices. */
  const listNewestInvoices = () =>
    call('list invoices', z.object({ invoices: z.array(Invoice) }), () =>
      client.invoices.findAllInvoices({
        page: 1,
        per_page: PAGE_SIZE,
        status: 'finalized',
      } as Parameters<typeof client.invoices.findAllInvoices>[0]),
    ).then(({ invoices }) => invoices)

  /** Asks what crediting nothing of an invoice would be: nothing is changed, and a licence is needed for it. */
  const estimateNothing = (receivableId: string) =>
    call('estimate a credit note', z.unknown(), () =>
      client.creditNotes.estimateCreditNote({
        credit_note: { invoice_id: receivableId, items: [] },
      }),
    )

  /** Reads one row of each list that the bridge reads, by what the permission for it is called. */
  const lists = {
    invoice: () => client.invoices.findAllInvoices(ONE),
    customer: () => client.customers.findAllCustomers(ONE),
    payment: () => client.payments.findAllPayments(ONE),
    credit_note: () => client.creditNotes.findAllCreditNotes(ONE),
    payment_request: () => client.paymentRequests.findAllPaymentRequests(ONE),
    webhook_endpoint: () => client.webhookEndpoints.findAllWebhookEndpoints(ONE),
  }
  const tryList = (name: keyof typeof lists) => call(`list ${name}s`, z.unknown(), lists[name])

  return {
    listNewestCustomers,
    listNewestInvoices,
    estimateNothing,
    tryList,
    getOrganization,
    listEndpoints,
    createEndpoint,
    updateEndpoint,
    removeEndpoint,
    listPlanCurrencies,
    listCustomerCurrencies,
  }
}

async function currenciesIn(
  list: 'plans' | 'customers',
  field: string,
  fetchPage: (page: number) => Promise<{ data: unknown }>,
) {
  const found: string[] = []
  for (let page = 1; page <= MAX_SURVEY_PAGES; page += 1) {
    const { rows, isLast } = await readPage(list, () => fetchPage(page))
    found.push(...rows.flatMap((row) => textIn(row, field)))
    if (isLast) break
  }
  return found
}

function textIn(row: unknown, field: string): string[] {
  const value = typeof row === 'object' && row !== null ? Reflect.get(row, field) : undefined
  return typeof value === 'string' ? [value] : []
}
