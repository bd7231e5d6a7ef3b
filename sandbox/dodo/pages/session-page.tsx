/** @jsxImportSource hono/jsx */
import { Hono } from 'hono'
import { z } from 'zod'
import {
  findSession,
  type PayOptions,
  paySession,
  type SessionState,
  sessionState,
} from '../store/checkout.ts'
import { DeclinePicker } from './pickers.tsx'
import { COUNTRIES, formatMoney } from '../store/places.ts'
import { quote } from '../store/quote.ts'
import { DodoRefusal } from '../store/refusal.ts'
import type { Session } from '../store/store.ts'
import type { DodoWorld } from '../store/world.ts'
import { Act, Entries, Input, Page, Select } from '../../kit/page.tsx'
import { blankless } from '../../kit/switches.tsx'

const CLOSED: Record<Exclude<SessionState, 'open'>, string> = {
  paid: 'This checkout has been paid. Thank you.',
  processing: 'Your payment is being processed.',
  expired: 'This checkout has expired. Ask the merchant for a new link.',
  declined: 'Your payment was declined and this checkout is closed.',
}

const Choice = z.object({
  outcome: z.enum(['succeeded', 'failed', 'processing', 'requires_customer_action']),
  code: z.string().optional(),
  amount: z.coerce.number().int().min(0).optional(),
  email: blankless(z.email()),
  name: blankless(z.string()),
  country: blankless(z.string().regex(/^[A-Z]{2}$/)),
})

/** The page a customer pays on. */
export function sessionPages(world: DodoWorld) {
  const { store } = world

  return new Hono()
    .get('/:id', (c) => {
      const session = store.sessions.get(c.req.param('id'))
      if (!session) return c.html(<Page title="This checkout does not exist" />, 404)
      const state = sessionState(world, session)
      if (state !== 'open') return c.html(<Closed state={state} session={session} />, 410)
      return c.html(<Checkout world={world} session={session} />)
    })
    .post('/:id', async (c) => {
      const session = findSession(store, c.req.param('id'))
      const { outcome, ...typed } = Choice.parse(await c.req.parseBody())
      const state = sessionState(world, session)
      if (state !== 'open') return c.html(<Closed state={state} session={session} />, 410)
      return c.redirect(pay(world, session, { outcome, ...typed }) ?? c.req.path, 303)
    })
}

/** Where the browser goes next; nowhere after a decline, as the customer may try again. */
function pay(world: DodoWorld, session: Session, options: PayOptions): string | undefined {
  const payment = paySession(world, session.sessionId, options)
  const { return_url: returnUrl } = session.request
  const retriable = payment?.status === 'failed' || payment?.status === 'requires_customer_action'
  if (!returnUrl || retriable) return undefined

  const target = new URL(returnUrl)
  if (session.subscriptionId) target.searchParams.set('subscription_id', session.subscriptionId)
  if (payment) target.searchParams.set('payment_id', payment.payment_id)
  if (payment) target.searchParams.set('email', payment.customer.email)
  target.searchParams.set('status', payment?.status ?? 'active')
  return target.href
}

function Checkout({ world, session }: { world: DodoWorld; session: Session }) {
  const { request, paymentIds } = session
  const quoted = quoteOrReason(world, session)
  if (typeof quoted === 'string') return <Page title="This cannot be paid">{quoted}</Page>

  // Without an address of its own a form is sent to the page it is on.
  const here = ''
  const [item] = quoted.items
  const price = item?.product.price
  const isOpen =
    price?.type === 'one_time_price' &&
    price.pay_what_you_want === true &&
    typeof request.product_cart[0]?.amount !== 'number'
  const last = world.store.payments.get(paymentIds.at(-1) ?? '')
  return (
    <Page title="Checkout">
      <div class="card">
        <div class="quiet">{item?.product.name} · sold by Dodo Payments</div>
        <div class="amount">
          {quoted.mandateOnly ? 'Save your card' : formatMoney(quoted.total, quoted.currency)}
        </div>
        <div class="quiet">
          {quoted.tax > 0 ? `of which tax ${formatMoney(quoted.tax, quoted.currency)}` : 'no tax'}
        </div>
        <Entries of={request.metadata ?? {}} />
      </div>
      {last?.status === 'failed' && <p>Your card was declined ({last.error_code}). Try again.</p>}
      <Act to={here} main label="Pay" fields={{ outcome: 'succeeded' }}>
        {isOpen && <Input label="amount" name="amount" digits="numeric" value={quoted.total} />}
        <WhoAndWhere request={request} />
      </Act>
      <Act to={here} label="Pay slowly (bank debit)" fields={{ outcome: 'processing' }}>
        <WhoAndWhere request={request} />
      </Act>
      <Act to={here} label="Decline" fields={{ outcome: 'failed' }}>
        <DeclinePicker />
      </Act>
      <Act
        to={here}
        label="Get stuck in 3-D Secure"
        fields={{ outcome: 'requires_customer_action' }}
      />
      <p>
        <a href={request.cancel_url ?? request.return_url ?? here}>Walk away</a>
      </p>
    </Page>
  )
}

/** What the request left open, the customer is asked. */
function WhoAndWhere({ request: { customer, billing_address } }: Pick<Session, 'request'>) {
  return (
    <>
      {!customer && <Input label="e-mail" name="email" type="email" isRequired />}
      {!customer && <Input label="name" name="name" />}
      {!billing_address && (
        <Select label="country" name="country">
          {COUNTRIES.map((country) => (
            <option>{country}</option>
          ))}
        </Select>
      )}
    </>
  )
}

function quoteOrReason(world: DodoWorld, session: Session) {
  try {
    return quote(world.store, session.request)
  } catch (error) {
    if (error instanceof DodoRefusal) return error.message
    throw error
  }
}

function Closed(props: { state: Exclude<SessionState, 'open'>; session: Session }) {
  const { return_url: returnUrl } = props.session.request
  return (
    <Page title="Checkout">
      <p>{CLOSED[props.state]}</p>
      {returnUrl && <a href={returnUrl}>Back to the merchant</a>}
    </Page>
  )
}
