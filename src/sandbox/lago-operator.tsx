/** @jsxImportSource hono/jsx */
import { Hono } from 'hono'
import { z } from 'zod'
import type { LagoActs } from './lago-acts.ts'
import { amountsOf } from './lago-amounts.ts'
import { showCreditNote } from './lago-credit-note-shapes.ts'
import { upsertCustomer } from './lago-customers.ts'
import { getInvoice } from './lago-invoices.ts'
import { LagoPage, type LagoOperated } from './lago-page.tsx'
import { showInvoiceBase } from './lago-invoice-shapes.ts'
import { showCustomer, showPayment } from './lago-shapes.ts'
import type { Invoice } from './lago-store.ts'
import { done, readInput, switchRoutes } from './switches.tsx'

/** A form sends an empty text for a field left blank. */
const blankless = <T extends z.ZodType>(schema: T) =>
  z.preprocess((value) => (value === '' ? undefined : value), schema.optional())
const cents = z.coerce.number().int().min(0)
const flag = z.preprocess(
  (value) => (typeof value === 'string' ? value === 'true' : value),
  z.boolean(),
)

const NewCustomer = z.object({
  external_id: blankless(z.string()),
  name: z.string().min(1),
  email: z.string().min(1),
  country: blankless(z.string()),
  currency: blankless(z.string()),
})
const NewInvoice = z.object({
  external_customer_id: z.string(),
  amount_cents: cents.min(1),
  currency: blankless(z.string()),
  tax_rate: blankless(z.coerce.number().min(0)),
  coupon_cents: blankless(cents),
  invoice_type: z.enum(['subscription', 'one_off', 'progressive_billing']).default('subscription'),
  status: z.enum(['finalized', 'draft']).default('finalized'),
})
const NewPayment = z.object({ amount_cents: blankless(cents), reference: blankless(z.string()) })
const NewNote = z.object({
  refund_amount_cents: blankless(cents),
  credit_amount_cents: blankless(cents),
})
const Premium = z.object({ premium: flag })
const WebhookUrl = z.object({ url: blankless(z.url()) })

/** What people do in Lago's back office, for whoever plays them: a page, and its buttons over HTTP. */
export function lagoPages(
  operated: LagoOperated & { acts: LagoActs; setWebhookUrl: (url: string | undefined) => void },
) {
  const { world, acts, courier, faults, setWebhookUrl } = operated
  const show = (invoice: Invoice) => showInvoiceBase(invoice, world)

  const operator = new Hono()
    .post('/customers', async (c) => {
      const { external_id: given, ...input } = await readInput(c, NewCustomer)
      const externalId = given ?? `cust_${world.store.customers.size + 1}`
      return done(c, showCustomer(upsertCustomer(world, { ...input, external_id: externalId })))
    })
    .post('/invoices', async (c) => {
      const input = await readInput(c, NewInvoice)
      const { amount_cents: amountCents, coupon_cents: couponCents, tax_rate: rate } = input
      const invoice = acts.createInvoice({
        externalCustomerId: input.external_customer_id,
        fees: [{ amountCents, name: 'Usage' }],
        invoiceType: input.invoice_type,
        status: input.status,
        ...(input.currency && { currency: input.currency }),
        ...(rate && { taxes: [{ rate, name: 'Tax' }] }),
        ...(couponCents && { coupons: [{ amountCents: couponCents }] }),
      })
      return done(c, show(invoice))
    })
    .post('/invoices/:id/finalize', (c) => done(c, show(acts.finalizeInvoice(c.req.param('id')))))
    .post('/invoices/:id/void', (c) => done(c, show(acts.voidInvoice(c.req.param('id')))))
    .post('/invoices/:id/retry', (c) => done(c, show(acts.pressRetry(c.req.param('id')))))
    .post('/invoices/:id/overdue', (c) => done(c, show(acts.markOverdue(c.req.param('id')))))
    .post('/invoices/:id/lose_dispute', (c) => done(c, show(acts.loseDispute(c.req.param('id')))))
    .post('/invoices/:id/payments', async (c) => {
      const { amount_cents: given, reference = 'bank transfer' } = await readInput(c, NewPayment)
      const invoice = getInvoice(world, c.req.param('id'))
      const amountCents = given ?? amountsOf(invoice, world.store).due
      const payment = acts.recordManualPayment(invoice.lago_id, { amountCents, reference })
      return done(c, showPayment(payment))
    })
    .post('/invoices/:id/credit_notes', async (c) => {
      const input = await readInput(c, NewNote)
      const note = acts.createCreditNote({
        invoiceId: c.req.param('id'),
        refundAmountCents: input.refund_amount_cents ?? 0,
        creditAmountCents: input.credit_amount_cents ?? 0,
      })
      return done(c, showCreditNote(note))
    })
    .post('/premium', async (c) => {
      const { premium } = await readInput(c, Premium)
      acts.setPremium(premium)
      return done(c, { premium })
    })
    .post('/webhook_url', async (c) => {
      const { url } = await readInput(c, WebhookUrl)
      setWebhookUrl(url)
      return done(c, { url: url ?? null })
    })
    .route('/', switchRoutes({ faults, courier }))

  const page = () => <LagoPage world={world} courier={courier} faults={faults} />
  return new Hono()
    .get('/', (c) => c.html(page()))
    .get('/sandbox', (c) => c.redirect('/', 303))
    .route('/sandbox', operator)
}
