/** @jsxImportSource hono/jsx */
import { Hono } from 'hono'
import { z } from 'zod'
import { findCardUpdate } from '../store/card-updates.ts'
import { tryCard } from '../store/charges.ts'
import { DeclinePicker } from './pickers.tsx'
import { formatMoney } from '../store/places.ts'
import { DodoRefusal } from '../store/refusal.ts'
import type { DodoWorld } from '../store/world.ts'
import { Act, Page } from '../../kit/page.tsx'

const Choice = z.object({ outcome: z.enum(['succeeded', 'failed']), code: z.string().optional() })

/** The page on which a customer puts another card behind a mandate. */
export function cardPages(world: DodoWorld) {
  return new Hono()
    .get('/:id', (c) => {
      const found = findOrReason(world, c.req.param('id'))
      if (found instanceof DodoRefusal) return c.html(<Closed reason={found} />, found.status)
      const { total_amount: total, currency, customer } = found.payment
      return c.html(
        <Page title="Change your card">
          <div class="card">
            <div class="quiet">{customer.email} · sold by Dodo Payments</div>
            <div class="amount">{total > 0 ? formatMoney(total, currency) : 'Save your card'}</div>
            {total > 0 && <div class="quiet">what is still owed</div>}
          </div>
          <Act to="" main label="Save this card" fields={{ outcome: 'succeeded' }} />
          <Act to="" label="Decline" fields={{ outcome: 'failed' }}>
            <DeclinePicker />
          </Act>
        </Page>,
      )
    })
    .post('/:id', async (c) => {
      const found = findOrReason(world, c.req.param('id'))
      if (found instanceof DodoRefusal) return c.html(<Closed reason={found} />, found.status)
      const payment = tryCard(world, c.req.param('id'), Choice.parse(await c.req.parseBody()))
      const { returnUrl, subscriptionId } = found.update
      if (!returnUrl) return c.html(<Page title={`The card was ${payment.status}`} />)
      const target = new URL(returnUrl)
      target.searchParams.set('subscription_id', subscriptionId)
      target.searchParams.set('payment_id', payment.payment_id)
      target.searchParams.set('status', payment.status ?? '')
      return c.redirect(target.href, 303)
    })
}

function findOrReason(world: DodoWorld, paymentId: string) {
  try {
    return findCardUpdate(world, paymentId)
  } catch (error) {
    if (error instanceof DodoRefusal) return error
    throw error
  }
}

function Closed({ reason }: { reason: DodoRefusal }) {
  return <Page title="This link does not work any more">{reason.message}</Page>
}
