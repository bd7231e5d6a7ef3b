import { Hono } from 'hono'
import { z } from 'zod'
import type { LagoActs } from '../store/acts.ts'
import { getCustomer, upsertCustomer } from '../store/customers.ts'
import { showPaymentRequest } from '../store/payment-requests.ts'
import { showCustomer } from '../store/shapes.ts'
import type { LagoWorld } from '../store/store.ts'
import { showTransaction, showWallet } from '../store/top-ups.ts'
import { blankless, done, flag, readInput } from '../../kit/switches.tsx'

type Operated = { world: LagoWorld; acts: LagoActs }

const text = blankless(z.string())

const NewCustomer = z.object({
  external_id: text,
  name: z.string().min(1),
  email: blankless(z.string()),
  country: text,
  currency: text,
})
const change = z
  .string()
  .transform((value) => value || null)
  .optional()
/** Only what is sent is changed; an empty e-mail or country is taken away. */
const CustomerChanges = z.object({ name: change, email: change, country: change })
const TopUp = z.object({
  paid_credits: z.string().default('0'),
  granted_credits: text,
  currency: text,
  gated: flag.optional(),
})
const PaymentRequest = z.object({
  lago_invoice_ids: z.array(z.string()).optional(),
  email: text,
})

/** What is done to a customer; external ids travel encoded, since they may hold anything. */
export function customerButtons({ world, acts }: Operated) {
  return new Hono()
    .post('/', async (c) => {
      const { external_id: given, ...input } = await readInput(c, NewCustomer)
      const externalId = given ?? `cust_${world.store.customers.size + 1}`
      return done(c, showCustomer(upsertCustomer(world, { ...input, external_id: externalId })))
    })
    .post('/:id', async (c) => {
      const changes = await readInput(c, CustomerChanges)
      const { external_id: externalId } = getCustomer(world, c.req.param('id'))
      return done(c, showCustomer(upsertCustomer(world, { ...changes, external_id: externalId })))
    })
    .post('/:id/top_up', async (c) => {
      const input = await readInput(c, TopUp)
      const transactions = acts.topUpWallet({
        externalCustomerId: c.req.param('id'),
        paidCredits: input.paid_credits || '0',
        invoiceRequiresSuccessfulPayment: input.gated ?? false,
        ...(input.granted_credits && { grantedCredits: input.granted_credits }),
        ...(input.currency && { currency: input.currency }),
      })
      return done(c, { wallet_transactions: transactions.map(showTransaction) })
    })
    .post('/:id/payment_requests', async (c) => {
      const { lago_invoice_ids: ids, email } = await readInput(c, PaymentRequest)
      const externalCustomerId = c.req.param('id')
      const requests = ids
        ? [acts.requestPayment({ externalCustomerId, invoiceIds: ids, ...(email && { email }) })]
        : acts.dunCustomer(externalCustomerId)
      const shown = requests.map((request) => showPaymentRequest(request, world))
      return done(c, { payment_requests: shown })
    })
}

/** What is done to a wallet. */
export function walletButtons({ acts }: Operated) {
  return new Hono().post('/:id/terminate', (c) => {
    return done(c, showWallet(acts.terminateWallet(c.req.param('id'))))
  })
}
