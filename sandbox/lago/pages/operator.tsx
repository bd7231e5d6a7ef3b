/** @jsxImportSource hono/jsx */
import { Hono } from 'hono'
import { z } from 'zod'
import type { LagoActs } from '../store/acts.ts'
import { amountsOf } from '../store/amounts.ts'
import { showCreditNote } from '../store/credit-note-shapes.ts'
import { getInvoice } from '../store/invoices.ts'
import { customerButtons, walletButtons } from './operator-customers.ts'
import { LagoPage, type LagoOperated } from './page.tsx'
import { showInvoiceBase } from '../store/invoice-shapes.ts'
import { showPayment } from '../store/shapes.ts'
import { CREDIT_NOTE_REASONS, type Invoice } from '../store/records.ts'
import { blankless, done, flag, readInput, switchRoutes } from '../../kit/switches.tsx'

const DAY_MS = 24 * 60 * 60 * 1_000
const cents = blankless(z.coerce.number().int().min(0))
const text = blankless(z.string())

const NewInvoice = z.object({
  external_customer_id: z.string(),
  amount_cents: z.coerce.number().int().min(1),
  currency: text,
  tax_rate: blankless(z.coerce.number().min(0)),
  coupon_cents: cents,
  progressive_billing_credit_cents: cents,
  credit_notes_cents: cents,
  prepaid_credit_cents: cents,
  invoice_type: z.enum(['subscription', 'one_off', 'progressive_billing']).default('subscription'),
  status: z.enum(['finalized', 'draft']).default('finalized'),
})
const NewPayment = z.object({ amount_cents: cents, reference: text })
const NewNote = z.object({
  refund_amount_cents: cents,
  credit_amount_cents: cents,
  offset_amount_cents: cents,
  reason: blankless(z.enum(CREDIT_NOTE_REASONS)),
})
const Void = z.object({
  generate_credit_note: flag.optional(),
  refund_amount: cents,
  credit_amount: cents,
})
const RefundStatus = z.object({ refund_status: z.enum(['pending', 'succeeded', 'failed']) })
const Premium = z.object({ premium: flag })
const WebhookUrl = z.object({ url: blankless(z.url()) })
const Days = z.object({ days: z.coerce.number().min(0) })

/** What people do in Lago's back office, for whoever plays them: a page, and its buttons over HTTP. */
export function lagoPages(
  operated: LagoOperated & { acts: LagoActs; setWebhookUrl: (url: string | undefined) => void },
) {
  const { world, acts, courier, faults, setWebhookUrl } = operated

  const operator = new Hono()
    .route('/invoices', invoiceButtons(operated))
    .route('/customers', customerButtons(operated))
    .route('/wallets', walletButtons(operated))
    .post('/credit_notes/:id/refund_status', async (c) => {
      const { refund_status: status } = await readInput(c, RefundStatus)
      return done(c, showCreditNote(acts.setRefundStatus(c.req.param('id'), status)))
    })
    .post('/credit_notes/:id/void', (c) =>
      done(c, showCreditNote(acts.voidCreditNote(c.req.param('id')))),
    )
    .post('/clock', async (c) => {
      const { days } = await readInput(c, Days)
      const flagged = acts.advanceClock(days * DAY_MS).map(({ lago_id }) => lago_id)
      return done(c, { now: world.now().toISOString(), overdue: flagged })
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

function invoiceButtons({ world, acts }: Pick<LagoOperated, 'world'> & { acts: LagoActs }) {
  const show = (invoice: Invoice) => showInvoiceBase(invoice, world)

  return new Hono()
    .post('/', async (c) => {
      const input = await readInput(c, NewInvoice)
      const { amount_cents: amountCents, coupon_cents: couponCents, tax_rate: rate } = input
      const invoice = acts.createInvoice({
        externalCustomerId: input.external_customer_id,
        fees: [{ amountCents, name: 'Usage' }],
        invoiceType: input.invoice_type,
        status: input.status,
        progressiveBillingCreditAmountCents: input.progressive_billing_credit_cents ?? 0,
        creditNotesAmountCents: input.credit_notes_cents ?? 0,
        prepaidCreditAmountCents: input.prepaid_credit_cents ?? 0,
        ...(input.currency && { currency: input.currency }),
        ...(rate && { taxes: [{ rate, name: 'Tax' }] }),
        ...(couponCents && { coupons: [{ amountCents: couponCents }] }),
      })
      return done(c, show(invoice))
    })
    .post('/:id/finalize', (c) => done(c, show(acts.finalizeInvoice(c.req.param('id')))))
    .post('/:id/void', async (c) => {
      const input = await readInput(c, Void)
      const invoice = acts.voidInvoice(c.req.param('id'), {
        generateCreditNote: input.generate_credit_note ?? false,
        refundAmountCents: input.refund_amount ?? 0,
        creditAmountCents: input.credit_amount ?? 0,
      })
      return done(c, show(invoice))
    })
    .post('/:id/retry', (c) => done(c, show(acts.pressRetry(c.req.param('id')))))
    .post('/:id/overdue', (c) => done(c, show(acts.markOverdue(c.req.param('id')))))
    .post('/:id/lose_dispute', (c) => done(c, show(acts.loseDispute(c.req.param('id')))))
    .post('/:id/payments', async (c) => {
      const { amount_cents: given, reference = 'bank transfer' } = await readInput(c, NewPayment)
      const invoice = getInvoice(world, c.req.param('id'))
      const amountCents = given ?? amountsOf(invoice, world.store).due
      const payment = acts.recordManualPayment(invoice.lago_id, { amountCents, reference })
      return done(c, showPayment(payment))
    })
    .post('/:id/credit_notes', async (c) => {
      const input = await readInput(c, NewNote)
      const note = acts.createCreditNote({
        invoiceId: c.req.param('id'),
        refundAmountCents: input.refund_amount_cents ?? 0,
        creditAmountCents: input.credit_amount_cents ?? 0,
        offsetAmountCents: input.offset_amount_cents ?? 0,
        ...(input.reason && { reason: input.reason }),
      })
      return done(c, showCreditNote(note))
    })
}
