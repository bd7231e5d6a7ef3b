import { z } from 'zod'

import { formatDodo, formatBooks, toDodoMinor } from '../src/collect/money.ts'
import { eventually, expectSame, type Look } from './eventually.ts'
import {
  followPayLink,
  type Merchant,
  type OpenCheckout,
  readAskedAmount,
  submitCheckout,
} from './merchant.ts'
import { describeMs, StepFailed, type Narrator } from './narrator.ts'
import type { Stage } from './stage.ts'

export type Telling = { stage: Stage; merchant: Merchant; narrator: Narrator }

const LagoInvoice = z.object({
  lago_id: z.string(),
  number: z.string(),
  currency: z.string(),
  total_due_amount_cents: z.number(),
  payment_status: z.string(),
  metadata: z.array(z.object({ key: z.string(), value: z.string() })).default([]),
})
export type Invoice = z.infer<typeof LagoInvoice>

const LagoPayments = z.object({
  payments: z.array(z.object({ reference: z.string(), amount_cents: z.number() })),
})
const DodoPayment = z.object({
  payment_id: z.string(),
  status: z.string(),
  total_amount: z.number(),
  currency: z.string(),
  error_code: z.string().nullish(),
  metadata: z.record(z.string(), z.string()),
})
const DodoSession = z.object({ payment_id: z.string().nullish() })

export type NewInvoice = {
  customer: { external_id: string; name: string; email: string; country: string; currency: string }
  amount_cents: number
  tax_rate?: number
}

const due = ({ total_due_amount_cents: amount, currency }: Invoice) => formatBooks(amount, currency)

/** Lago finalises an invoice for a new customer. */
export async function finaliseInvoice(
  { merchant, narrator }: Telling,
  { customer, ...fields }: NewInvoice,
): Promise<Invoice> {
  return narrator.step(
    `Lago finalises an invoice for ${customer.name}`,
    async () => {
      await merchant.press('lago', '/customers', customer, z.looseObject({}))
      const order = { external_customer_id: customer.external_id, ...fields }
      return merchant.press('lago', '/invoices', order, LagoInvoice)
    },
    (invoice) => `Lago finalises invoice ${invoice.number} of ${due(invoice)} for ${customer.name}`,
  )
}

/** Dodo has a checkout for exactly what is due, which says whose invoice it is for. */
export async function awaitCheckout(
  { merchant, narrator }: Telling,
  invoice: Invoice,
  { attempt, isBySweep = false }: { attempt: number; isBySweep?: boolean },
): Promise<OpenCheckout> {
  const claim = `Dodo has a checkout for exactly ${due(invoice)}, carrying its lago_invoice_id`
  return narrator.step(
    claim,
    async () => {
      const checkout = await eventually(claim, () => findCheckout(merchant, invoice, attempt))
      const asked = await readAskedAmount(merchant.checkoutUrl(checkout.sessionId))
      const expected = toDodoMinor(invoice.total_due_amount_cents, invoice.currency)
      expectSame('the checkout asks for', asked, formatDodo(expected, invoice.currency))
      return checkout
    },
    (_checkout, tookMs) => {
      if (attempt > 1)
        return `the retry opens attempt ${attempt} in Dodo, for exactly ${due(invoice)}`
      return isBySweep ? `the sweep finds it: ${claim}` : `${describeMs(tookMs)} later ${claim}`
    },
  )
}

async function findCheckout(
  merchant: Merchant,
  invoice: Invoice,
  attempt: number,
): Promise<Look<OpenCheckout>> {
  const open = await merchant.listOpenCheckouts()
  const own = open.filter(({ metadata }) => metadata['lago_invoice_id'] === invoice.lago_id)
  const found = own.find(({ metadata }) => metadata['bridge_attempt'] === String(attempt))
  return found ? { found } : { seen: `${own.length} open checkouts of this invoice, not that one` }
}

/** The pay link that stands on the invoice in Lago leads to that checkout. */
export async function openPayLink(
  { merchant, narrator }: Telling,
  invoice: Invoice,
  { sessionId }: OpenCheckout,
): Promise<string> {
  const url = await narrator.step(
    `the customer opens the pay link of ${invoice.number} and stands at that checkout`,
    async () => {
      const payUrl = await eventually(`${invoice.number} has metadata dodo_pay_url`, async () => {
        const { metadata } = await readInvoice(merchant, invoice)
        const found = metadata.find(({ key }) => key === 'dodo_pay_url')?.value
        return found ? { found } : { seen: JSON.stringify(metadata) }
      })
      const target = await followPayLink(payUrl)
      expectSame('the pay link leads to', target, merchant.checkoutUrl(sessionId))
      return payUrl
    },
  )
  narrator.show(url)
  return merchant.checkoutUrl(sessionId)
}

/** The customer pays on Dodo's page; Lago says paid, with the Dodo payment as its reference. */
export async function payAndAwait(
  telling: Telling,
  invoice: Invoice,
  checkoutUrl: string,
  { isReturning = true } = {},
): Promise<string> {
  const { merchant, narrator } = telling
  const payment = await narrator.step(
    `the customer pays ${due(invoice)} on Dodo's page`,
    async () => {
      const returnUrl = await submitCheckout(checkoutUrl, { outcome: 'succeeded' })
      if (isReturning) await (await fetch(returnUrl)).body?.cancel()
      const paid = await readPaymentOf(merchant, checkoutUrl)
      expectSame('the payment is', paid.status, 'succeeded')
      expectSame('its lago_invoice_id', paid.metadata['lago_invoice_id'], invoice.lago_id)
      const expected = toDodoMinor(invoice.total_due_amount_cents, invoice.currency)
      expectSame('its amount', paid.total_amount, expected)
      return paid
    },
  )
  const claim = `Lago says ${invoice.number} is paid, with reference ${payment.payment_id}`
  await narrator.step(claim, async () => {
    await awaitPaymentStatus(merchant, invoice, 'succeeded')
    const { payments } = await merchant.ask(
      'lago',
      `/payments?invoice_id=${invoice.lago_id}`,
      LagoPayments,
    )
    expectSame(`${invoice.number} has payments`, payments.length, 1)
    expectSame('its reference', payments[0]?.reference, payment.payment_id)
    expectSame('its amount', payments[0]?.amount_cents, invoice.total_due_amount_cents)
  })
  return payment.payment_id
}

/** The customer's card is declined, and Lago says failed. */
export async function declineAndAwait(
  { merchant, narrator }: Telling,
  invoice: Invoice,
  checkoutUrl: string,
  code: string,
) {
  await narrator.step(`the customer's card is declined (${code})`, async () => {
    await submitCheckout(checkoutUrl, { outcome: 'failed', code })
    const declined = await readPaymentOf(merchant, checkoutUrl)
    expectSame('the payment is', declined.status, 'failed')
    expectSame('its error code', declined.error_code, code)
  })
  await narrator.step(`Lago says ${invoice.number} has failed`, () =>
    awaitPaymentStatus(merchant, invoice, 'failed'),
  )
}

const readInvoice = async (merchant: Merchant, { lago_id }: Invoice) =>
  (await merchant.ask('lago', `/invoices/${lago_id}`, z.object({ invoice: LagoInvoice }))).invoice

const awaitPaymentStatus = (merchant: Merchant, invoice: Invoice, status: string) =>
  eventually(`${invoice.number} has payment_status ${status}`, async () => {
    const { payment_status } = await readInvoice(merchant, invoice)
    return payment_status === status ? { found: status } : { seen: payment_status }
  })

async function readPaymentOf(merchant: Merchant, checkoutUrl: string) {
  const sessionId = checkoutUrl.split('/').at(-1) ?? ''
  const { payment_id } = await merchant.ask('dodo', `/checkouts/${sessionId}`, DodoSession)
  if (!payment_id) throw new StepFailed(`checkout ${sessionId} has a payment`, 'it has none')
  return merchant.ask('dodo', `/payments/${payment_id}`, DodoPayment)
}
