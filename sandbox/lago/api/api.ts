import { Hono } from 'hono'
import { answer } from './answer.ts'
import { lagoBillingEntities } from './billing-entities.ts'
import { lagoCreditNotes } from './credit-notes.ts'
import { lagoCustomers } from './customers.ts'
import { lagoInvoices } from './invoices.ts'
import { lagoPaymentRequests } from './payment-requests.ts'
import { lagoPayments } from './payments.ts'
import { denyActions } from './permissions.ts'
import { lagoPlans } from './plans.ts'
import { lagoWallets, lagoWalletTransactions } from './wallets.ts'
import { lagoWebhookEndpoints } from './webhook-endpoints.ts'
import { unauthorized } from '../store/refusal.ts'
import type { Signer } from './signature.ts'
import { timestamp, type LagoWorld } from '../store/store.ts'

/** Everything under `/api/v1`. */
export function lagoApi(options: {
  world: LagoWorld
  apiKey: string
  signer: Signer
  startedAt: Date
  planCurrencies?: readonly string[] | undefined
  denied?: readonly string[] | undefined
}) {
  const { world, apiKey, signer, startedAt, planCurrencies = [], denied = [] } = options

  return new Hono()
    .use(async function authenticate(c, next) {
      // Lago reads the second word and does not look at the first.
      if (c.req.header('authorization')?.split(/\s+/)[1] !== apiKey) throw unauthorized()
      return next()
    })
    .use(denyActions(denied))
    .route('/plans', lagoPlans(world, planCurrencies))
    .route('/billing_entities', lagoBillingEntities(world))
    .route('/invoices', lagoInvoices(world))
    .route('/payments', lagoPayments(world))
    .route('/payment_requests', lagoPaymentRequests(world))
    .route('/credit_notes', lagoCreditNotes(world))
    .route('/customers', lagoCustomers(world))
    .route('/wallets', lagoWallets(world))
    .route('/wallet_transactions', lagoWalletTransactions(world))
    .route('/webhook_endpoints', lagoWebhookEndpoints(world))
    .get('/organizations', () => answer({ organization: showOrganization(world, startedAt) }))
    .get('/webhooks/public_key', (c) => c.text(signer.publicKey()))
    .get('/webhooks/json_public_key', () => answer({ webhook: { public_key: signer.publicKey() } }))
}

function showOrganization(world: LagoWorld, startedAt: Date) {
  const urls = world.store.webhookEndpoints.map(({ webhook_url }) => webhook_url)
  return {
    lago_id: world.organizationId,
    name: 'Sandbox',
    slug: 'sandbox',
    email: null,
    logo_url: null,
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
