/** @jsxImportSource hono/jsx */
import { Hono } from 'hono'
import { raw } from 'hono/html'
import { z } from 'zod'
import { Entries, Page } from '../../kit/page.tsx'
import type { HighlevelActs } from '../store/acts.ts'
import { encryptSso } from '../api/sso.ts'
import { findIntegration } from '../store/integrations.ts'
import { HighlevelRefusal } from '../store/refusal.ts'
import type { HighlevelWorld } from '../store/world.ts'

const Result = z.object({ chargeId: z.string() })

/** The pages that hold the provider's own in an iframe: the checkout, and the app's custom page. */
export function checkoutPages(world: HighlevelWorld, acts: HighlevelActs) {
  const { store, behaviour } = world
  const find = (id: string) => {
    const transaction = store.transactions.get(id)
    if (!transaction) throw new HighlevelRefusal(400, 'Transaction not found')
    return transaction
  }
  return (
    new Hono()
      .get('/:transaction', (c) => {
        const transaction = find(c.req.param('transaction'))
        const { paymentsUrl } = findIntegration(store, transaction.locationId)
        return c.html(
          <Page title={`Pay ${transaction.amount} ${transaction.currency}`}>
            <Entries of={{ transaction: transaction._id, status: transaction.status }} />
            <p id="outcome">waiting</p>
            <Frame
              src={paymentsUrl}
              script={parentScript({
                props: acts.paymentProps(transaction._id),
                origin: new URL(paymentsUrl).origin,
                wantsText: behaviour.wantsTextMessages,
                sendsText: behaviour.sendsTextMessages,
              })}
            />
          </Page>,
        )
      })
      .post('/:transaction/verify', async (c) => {
        const { chargeId } = Result.parse(await c.req.json())
        return c.json({ status: await acts.verify(c.req.param('transaction'), chargeId) })
      })
      /** The app's custom page; `role` and `userId` are those of who is logged in. */
      .get('/settings/:location', (c) => {
        const location = store.locations.get(c.req.param('location'))
        if (!location) throw new HighlevelRefusal(400, 'Location not found')
        const payload = encryptSso(world.app.ssoSecret, {
          userId: c.req.query('user') ?? 'usr_demo_1',
          companyId: location.companyId,
          role: c.req.query('role') ?? 'admin',
          // Also for a location the documents show it as of the agency.
          type: 'agency',
          activeLocation: location.id,
          userName: 'Ada Demo',
          email: 'ada@example.test',
        })
        const { redirectUrl } = world.app
        const src = c.req.query('url') ?? new URL('/highlevel/settings', redirectUrl).href
        return c.html(
          <Page title="Settings of the app">
            <Frame src={src} script={customPageScript(payload, new URL(src).origin)} />
          </Page>,
        )
      })
  )
}

function Frame({ src, script }: { src: string; script: string }) {
  return (
    <>
      {raw(`<script>${script}</script>`)}
      <iframe id="provider" title="payment" src={src} width="100%" height="480" />
    </>
  )
}

/** Text for a script, which cannot end it. */
const inScript = (value: unknown) => JSON.stringify(value).replaceAll('<', '\\u003c')

/**
 * The parent's half of the protocol: props for each "ready", then exactly one end. It throws on a message that is
 * no text where the real one has been seen to.
 */
function parentScript(options: {
  props: Record<string, unknown>
  origin: string
  wantsText: boolean
  sendsText: boolean
}): string {
  const { props, origin, wantsText, sendsText } = options
  return `
const props = ${inScript(props)}
const messages = (window.messages = [])
let ended = false
window.addEventListener('message', async (event) => {
  if (event.origin !== ${inScript(origin)}) return
  if (${wantsText} && typeof event.data !== 'string') throw new SyntaxError('the message is no JSON')
  const message = typeof event.data === 'string' ? JSON.parse(event.data) : event.data
  messages.push(message)
  const outcome = document.getElementById('outcome')
  if (message.type === 'custom_provider_ready' && message.loaded === true && !ended) {
    const sent = ${sendsText} ? JSON.stringify(props) : props
    event.source.postMessage(sent, '*')
  } else if (message.type === 'custom_element_success_response') {
    if (ended) throw new Error('a second end')
    ended = true
    const response = await fetch(location.pathname + '/verify', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ chargeId: message.chargeId }),
    })
    outcome.textContent = 'verified: ' + ((await response.json()).status ?? response.status)
  } else if (message.type === 'custom_element_error_response') {
    ended = true
    outcome.textContent = 'error: ' + message.error.description
  } else if (message.type === 'custom_element_close_response') {
    ended = true
    outcome.textContent = 'closed'
  }
})`
}

const customPageScript = (payload: string, origin: string) => `
window.addEventListener('message', (event) => {
  if (event.origin !== ${inScript(origin)} || event.data?.message !== 'REQUEST_USER_DATA') return
  const answer = { message: 'REQUEST_USER_DATA_RESPONSE', payload: ${inScript(payload)} }
  event.source.postMessage(answer, '*')
})`
