/** @jsxImportSource hono/jsx */
import { Hono } from 'hono'
import { z } from 'zod'
import { createDodoActs } from '../store/acts.ts'
import { openSessions, paySession } from '../store/checkout.ts'
import { DISPUTE_STAGES, DISPUTE_STATUSES } from '../store/disputes.ts'
import { DodoPage, type DodoOperated } from './operator-page.tsx'
import { movePayment } from '../store/payments.ts'
import { REFUND_OUTCOMES } from '../store/world.ts'
import { followPayment } from '../store/charges.ts'
import { blankless, done, flag, readInput, switchRoutes } from '../../kit/switches.tsx'

const text = blankless(z.string())
const amount = blankless(z.coerce.number().int().min(1))
const count = blankless(z.coerce.number().int().min(0))

const Pay = z.object({
  outcome: z
    .enum(['succeeded', 'failed', 'processing', 'requires_customer_action'])
    .default('succeeded'),
  code: text,
  amount,
})
const Settle = z.object({
  status: z.enum(['succeeded', 'failed', 'cancelled', 'processing']).default('succeeded'),
  code: text,
})
const SettleRefund = z.object({
  status: z.enum(['succeeded', 'failed', 'review']).default('succeeded'),
})
const Dispute = z.object({
  amount,
  rdr: flag.optional(),
  stage: blankless(z.enum(DISPUTE_STAGES)),
  reason: text,
})
const DisputeMove = z.object({
  status: z.enum(DISPUTE_STATUSES),
  stage: blankless(z.enum(DISPUTE_STAGES)),
})
const MandateMove = z.object({
  status: z.enum(['active', 'on_hold', 'paused', 'cancelled', 'failed', 'expired', 'past_due']),
})
const Trial = z.object({
  outcome: z.enum(['succeeded', 'failed']).default('succeeded'),
  code: text,
})
const BehaviourPatch = z.strictObject({
  refunds: z.enum(REFUND_OUTCOMES).optional(),
  charges: z.string().optional(),
  declinesAtOnce: flag.optional(),
  declineConsumesSession: flag.optional(),
  openSessionsAreListed: flag.optional(),
  declineHoldsMandate: flag.optional(),
  onHoldIsChargeable: flag.optional(),
  maxFailedCharges: count,
  newCardPaysDues: flag.optional(),
  mandateMakesPayment: flag.optional(),
  oneSubscriptionPerCustomer: flag.optional(),
  partialRefunds: flag.optional(),
  refundWindowDays: count,
  settleAfterMs: count,
})

/** What customers, banks and the dashboard's owner do, for whoever plays them. It needs no key. */
export function operatorPages({ world, faults, courier }: DodoOperated) {
  const acts = createDodoActs(world)

  return new Hono()
    .get('/', (c) => c.html(<DodoPage world={world} faults={faults} courier={courier} />))
    .get('/sessions', (c) => {
      const open = openSessions(world).map(({ sessionId, createdAt, expiresAt, request }) => {
        return { sessionId, createdAt, expiresAt, metadata: request.metadata ?? {} }
      })
      return c.json({ open })
    })
    .post('/sessions/:id/pay', async (c) => {
      const payment = paySession(world, c.req.param('id'), await readInput(c, Pay))
      return done(c, payment ?? {})
    })
    .post('/payments/:id/settle', async (c) => {
      const payment = movePayment(world, c.req.param('id'), await readInput(c, Settle))
      followPayment(world, payment)
      return done(c, payment)
    })
    .post('/payments/:id/refund', async (c) => {
      const asked = await readInput(c, z.object({ amount }))
      return done(c, acts.refund(c.req.param('id'), asked.amount))
    })
    .post('/payments/:id/dispute', async (c) => {
      return done(c, acts.openDispute(c.req.param('id'), await readInput(c, Dispute)))
    })
    .post('/refunds/:id/settle', async (c) => {
      const { status } = await readInput(c, SettleRefund)
      return done(c, acts.settleRefund(c.req.param('id'), status))
    })
    .post('/refunds/:id/bounce', (c) => done(c, acts.bounceRefund(c.req.param('id'))))
    .post('/disputes/:id', async (c) => {
      const { status, stage } = await readInput(c, DisputeMove)
      return done(c, acts.moveDispute(c.req.param('id'), status, stage))
    })
    .post('/behaviour', async (c) => {
      const patch = await readInput(c, BehaviourPatch)
      const given = Object.entries(patch).filter(([, value]) => value !== undefined)
      return done(c, Object.assign(world.behaviour, Object.fromEntries(given)))
    })
    .route('/subscriptions', mandates(acts))
    .route('/', switchRoutes({ faults, courier }))
}

function mandates(acts: ReturnType<typeof createDodoActs>) {
  return new Hono()
    .post('/:id', async (c) => {
      const { status } = await readInput(c, MandateMove)
      return done(c, acts.moveMandate(c.req.param('id'), status))
    })
    .post('/:id/schedule', async (c) => {
      const { scheduled } = await readInput(c, z.object({ scheduled: flag }))
      return done(c, acts.scheduleCancellation(c.req.param('id'), scheduled))
    })
    .post('/:id/billing_date', (c) => done(c, acts.passBillingDate(c.req.param('id'))))
    .post('/:id/card', async (c) => {
      const { outcome } = await readInput(c, z.object({ outcome: text }))
      acts.setCard(c.req.param('id'), outcome)
      return done(c, { outcome: outcome ?? null })
    })
    .post('/:id/replace_card', async (c) => {
      return done(c, acts.replaceCard(c.req.param('id'), await readInput(c, Trial)))
    })
}
