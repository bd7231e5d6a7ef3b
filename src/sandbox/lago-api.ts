import { Hono } from 'hono'
import { answer, readRoot } from './lago-answer.ts'
import { lagoCreditNotes } from './lago-api-credit-notes.ts'
import { lagoCustomers } from './lago-api-customers.ts'
import { lagoInvoices } from './lago-api-invoices.ts'
import { lagoWallets, lagoWalletTransactions } from './lago-api-wallets.ts'
import { lagoWebhookEndpoints } from './lago-api-webhook-endpoints.ts'
import { getPayment, recordPayment, visiblePayments } from './lago-payments.ts'
import { paginate, readQuery } from './lago-query.ts'
import { unauthorized } from './lago-refusal.ts'
import { showPayment } from './lago-shapes.ts'
import type { Signer } from './lago-signature.ts'
import { timestamp, type LagoWorld } from './lago-store.ts'

/** Everything under `/api/v1`. */
export function lagoApi(options: {
  world: LagoWorld
  apiKey: string
  signer: Signer
  startedAt: Date
}) {
  const { world, apiKey, signer, startedAt } = options

  return new Hono()
    .use(async function authenticate(c, next) {
      // Lago reads the second word and does not look at the first.
      if (c.req.header('authorization')?.split(/\s+/)[1] !== apiKey) throw unauthorized()
      return next()
    })
    .route('/invoices', lagoInvoices(world))
    .route('/payments', lagoPayments(world))
    .route('/credit_notes', lagoCreditNotes(world))
    .route('/customers', lagoCustomers(world))
    .route('/wallets', lagoWallets(world))
    .route('/wallet_transactions', lagoWalletTransactions(world))
    .route('/webhook_endpoints', lagoWebhookEndpoints(world))
    .get('/organizations', () => answer({ organization: showOrganization(world, startedAt) }))
    .get('/webhooks/public_key', (c) => c.text(signer.publicKey()))
    .get('/webhooks/json_public_key', () => answer({ webhook: { public_key: signer.publicKey() } }))
}

function lagoPayments(world: LagoWorld) {
  return new Hono()
    .get('/', (c) => {
      const query = readQuery(c.req.url)
      const [invoiceId, customer] = [query.one('invoice_id'), query.one('external_customer_id')]
      const payments = visiblePayments(world)
        .filter(({ invoice }) => invoiceId === undefined || invoice.lago_id === invoiceId)
        .filter(
          ({ invoice }) => customer === undefined || invoice.customer.external_id === customer,
        )
      const { rows, meta } = paginate(query, payments)
      return answer({ payments: rows.map(showPayment), meta })
    })
    .get('/:id', (c) => answer({ payment: showPayment(getPayment(world, c.req.param('id'))) }))
    .post('/', async (c) => {
      return answer({ payment: showPayment(recordPayment(world, await readRoot(c, 'payment'))) })
    })
}

function showOrganization(world: LagoWorld, startedAt: Date) {
  const urls = world.store.webhookEndpoints.map(({ webhook_url }) => webhook_url)
  return {
    lago_id: world.organizationId,
    name: 'Sandbox',
    slug: 'sandbox',
    default_currency: 'USD',
    created_at: timestamp(startedAt),
    webhook_url: urls[0] ?? null,
    webhook_urls: urls,
    country: 'US',
    timezone: 'UTC',
    net_payment_term: 0,
    email_settings: [],
    document_numbering: 'per_customer',
    document_number_prefix: 'ACM',
    finalize_zero_amount_invoice: true,
    billing_configuration: { invoice_footer: null, invoice_grace_period: 0, document_locale: 'en' },
    events_store: 'postgres',
  }
}
