import { z } from 'zod'

import { formatDodo } from '../src/collect/money.ts'
import { readPeriod } from '../src/report/period.ts'
import { statement } from '../src/report/statement.ts'
import { eventually, expectSame } from './eventually.ts'
import {
  awaitCheckout,
  declineAndAwait,
  finaliseInvoice,
  type Invoice,
  openPayLink,
  payAndAwait,
  type Telling,
} from './invoice-steps.ts'
import { StepFailed } from './narrator.ts'

/** Whose invoice is the first. */
export const BLUE_FERN = {
  external_id: 'acct_fern',
  name: 'Blue Fern Inc',
  email: 'ap@fern.example',
  country: 'US',
  currency: 'USD',
}
const ATELIER_NORD = {
  external_id: 'acct_nord',
  name: 'Atelier Nord',
  email: 'compta@nord.example',
  country: 'FR',
  currency: 'EUR',
}
const HARBOUR = {
  external_id: 'acct_harbour',
  name: 'Harbour Ltd',
  email: 'accounts@harbour.example',
  country: 'GB',
  currency: 'GBP',
}
const REFUND_MINOR = 2_500

/** The life of three invoices, each step checked in Lago and in Dodo. Throws at the first that fails. */
export async function tellStory(telling: Telling): Promise<Invoice> {
  const { invoice, dodoPaymentId } = await tellPayment(telling)
  await tellDecline(telling)
  await tellRefund(telling, invoice, dodoPaymentId)
  await tellLostWebhooks(telling)
  await tellStatement(telling)
  // Silent unless both services' own books say that an invariant is broken.
  telling.stage.oracle.assert()
  return invoice
}

async function tellPayment(telling: Telling) {
  telling.narrator.chapter('1. An invoice is collected')
  const order = { customer: BLUE_FERN, amount_cents: 10_000, tax_rate: 20 }
  const invoice = await finaliseInvoice(telling, order)
  const checkout = await awaitCheckout(telling, invoice, { attempt: 1 })
  const checkoutUrl = await openPayLink(telling, invoice, checkout)
  const dodoPaymentId = await payAndAwait(telling, invoice, checkoutUrl)
  telling.narrator.show(
    `${telling.stage.lagoUrl}/#${invoice.lago_id}`,
    `${telling.stage.dodoUrl}/sandbox`,
  )
  return { invoice, dodoPaymentId }
}

async function tellDecline(telling: Telling) {
  telling.narrator.chapter('2. A card is declined, and the retry collects')
  const invoice = await finaliseInvoice(telling, { customer: ATELIER_NORD, amount_cents: 8_900 })
  const checkout = await awaitCheckout(telling, invoice, { attempt: 1 })
  const checkoutUrl = await openPayLink(telling, invoice, checkout)
  await declineAndAwait(telling, invoice, checkoutUrl, 'INSUFFICIENT_FUNDS')
  const second = await awaitCheckout(telling, invoice, { attempt: 2 })
  await payAndAwait(telling, invoice, await openPayLink(telling, invoice, second))
}

const CreditNotes = z.object({
  credit_notes: z.array(
    z.object({
      number: z.string(),
      lago_invoice_id: z.string(),
      refund_amount_cents: z.number(),
      refund_status: z.string().nullable(),
      metadata: z.record(z.string(), z.string().nullable()).nullish(),
    }),
  ),
})

async function tellRefund(
  { merchant, narrator }: Telling,
  invoice: Invoice,
  dodoPaymentId: string,
) {
  const amount = formatDodo(REFUND_MINOR, invoice.currency)
  narrator.chapter('3. A part of the first payment is refunded')
  const { refund_id: dodoRefundId } = await narrator.step(
    `the merchant refunds ${amount} of ${dodoPaymentId} in Dodo`,
    () =>
      merchant.press(
        'dodo',
        `/payments/${dodoPaymentId}/refund`,
        { amount: REFUND_MINOR },
        z.object({ refund_id: z.string() }),
      ),
  )
  const claim = `Lago has a credit note for exactly ${amount}, linked to ${invoice.number}`
  await narrator.step(
    claim,
    () =>
      eventually(claim, async () => {
        const path = `/credit_notes?invoice_number=${invoice.number}`
        const { credit_notes: notes } = await merchant.ask('lago', path, CreditNotes)
        const found = notes.find(({ metadata }) => metadata?.['dodo_refund_id'] === dodoRefundId)
        const isDone = found?.refund_status === 'succeeded'
        if (!found || !isDone) return { seen: JSON.stringify(notes) }
        expectSame('it refunds', found.refund_amount_cents, REFUND_MINOR)
        expectSame('it belongs to', found.lago_invoice_id, invoice.lago_id)
        return { found }
      }),
    ({ number }) => `${claim}: ${number}`,
  )
}

async function tellLostWebhooks(telling: Telling) {
  const { merchant, narrator } = telling
  narrator.chapter('4. All webhooks are lost, and the sweep puts it right')
  await narrator.step('from now on no webhook arrives, neither from Lago nor from Dodo', () =>
    merchant.loseWebhooks(true),
  )
  const invoice = await finaliseInvoice(telling, { customer: HARBOUR, amount_cents: 4_550 })
  const checkout = await awaitCheckout(telling, invoice, { attempt: 1, isBySweep: true })
  const checkoutUrl = await openPayLink(telling, invoice, checkout)
  // The customer closes the browser: nothing but the sweep can tell the bridge.
  await payAndAwait(telling, invoice, checkoutUrl, { isReturning: false })
  await narrator.step(
    'webhooks arrive again',
    async () => {
      await merchant.loseWebhooks(false)
      const lost = await merchant.countLostWebhooks()
      if (lost === 0) throw new StepFailed('webhooks were lost', 'none was')
      return lost
    },
    (lost) => `webhooks arrive again; ${lost} were lost, and nothing was missed`,
  )
}

async function tellStatement({ stage, narrator }: Telling) {
  narrator.chapter('5. The statement')
  const { deps } = stage.bridge
  const lines: string[] = []
  await narrator.step('both ledgers are read and compared: there is no difference', async () => {
    const period = readPeriod({}, deps.now())
    const exitCode = await statement(deps, { period, isCsv: false }, (line) => lines.push(line))
    const isSame = exitCode === 0 && lines.at(-1) === 'No difference.'
    if (!isSame) throw new StepFailed('a statement without a difference', lines.join('\n'))
    for (const currency of ['EUR', 'GBP', 'USD']) {
      const hasLine = lines.some((line) => line.trimStart().startsWith(currency))
      expectSame(`the statement has a line for ${currency}`, hasLine, true)
    }
  })
  narrator.say()
  narrator.show(...lines)
}
