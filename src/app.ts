import { Hono, type Context } from 'hono'

import type { Deps } from './deps.ts'
import { InvalidSignature, MalformedEvent, messageOf } from './errors.ts'
import { adminOnly } from './http/admin.ts'
import { openDoor } from './http/door.ts'
import { assets } from './http/assets.ts'
import { dashboard } from './http/dashboard/dashboard.tsx'
import { createGuesses } from './http/guesses.ts'
import { deadLettersApi, deliveriesApi } from './http/deliveries.ts'
import { countDeliveries, meterReceive, meterRoutes, metricsOf } from './http/metrics.ts'
import { openfront } from './http/openfront.ts'
import { pay } from './http/pay.ts'
import { Refusal, RETRY_AFTER_SECONDS } from './http/refusal.ts'
import { createSampledLog } from './http/sampled-log.ts'
import { answerFailure, answerNothing, createGetPath, guarded } from './http/surface.ts'
import { createTake, webhooks } from './http/webhooks.ts'
import type { Receive } from './inbox/receive.ts'
import type { Metrics } from './metrics/metrics.ts'
import { createRefusedCount, PROBE_ID } from './inbox/refused.ts'
import { describeCustomer } from './report/customer.ts'
import { describeInvoice } from './report/invoice.ts'
import { describeOrder, listOrders } from './report/order.ts'

export type AppDeps = Pick<Deps, 'config' | 'db' | 'queue' | 'lago' | 'dodo' | 'log' | 'now'> & {
  receive: Receive
  organizationId: () => Promise<string>
  /** What keeps us from being ready; empty when nothing does. */
  findUnready: () => Promise<string[]>
  metrics: Metrics
}

/** The whole HTTP surface. Errors become statuses here and nowhere else. */
export function createApp(deps: AppDeps) {
  const { config, db, log, metrics } = deps
  const app = new Hono({ getPath: createGetPath(config.publicUrl) })
  const say = createSampledLog(log)
  const countRefused = createRefusedCount({ db, now: deps.now })
  const noteRefused = (c: Context, reason: string) => {
    const id = c.req.header('x-lago-unique-key') ?? c.req.header('webhook-id') ?? ''
    if (!id.startsWith(PROBE_ID))
      countRefused(c.req.path.endsWith('/dodo') ? 'dodo' : 'lago', reason)
  }

  app.onError((error, c) => {
    if (error instanceof InvalidSignature) {
      // The reason is for the operator. A stranger learns nothing of how we are set up.
      say('warn', { path: c.req.routePath, reason: error.message }, 'delivery refused')
      noteRefused(c, error.message)
      return c.json({ error: 'the signature is missing, wrong or too old' }, 401)
    }
    if (error instanceof MalformedEvent) return c.json({ error: error.message }, 400)
    if (error instanceof Refusal) {
      say('warn', { path: c.req.routePath, reason: error.message }, 'request refused')
      if (error.status === 503) c.header('Retry-After', RETRY_AFTER_SECONDS)
      return c.json({ error: error.message }, error.status)
    }
    // The sender is to try again: whatever it was, nothing has been acknowledged.
    say('error', { path: c.req.routePath, error: messageOf(error) }, 'request failed')
    return answerFailure(c)
  })
  app.notFound((c) => answerNothing(c, say))

  const guesses = createGuesses()
  const { adminToken, viewerToken } = config
  const admin = adminOnly(adminToken, { guesses, say, viewerToken })

  app.use(meterRoutes(metrics), guarded(config.publicUrl))
  app.use('/webhooks/*', countDeliveries(metrics))
  const take = createTake({ ...deps, receive: meterReceive(metrics, deps.receive) })
  app.route('/webhooks', webhooks(take))
  app.get('/health', (c) => c.json({ ok: true }))
  app.get('/ready', async (c) => {
    const missing = await deps.findUnready()
    if (missing.length === 0) return c.json({ ready: true, missing })
    c.header('Retry-After', RETRY_AFTER_SECONDS)
    return c.json({ ready: false, missing }, 503)
  })
  app.get('/favicon.ico', (c) => c.body(null, 204))
  app.get('/robots.txt', (c) => c.text('User-agent: *\nDisallow: /\n'))
  app.route('/pay', pay(deps))

  app.get('/metrics', admin, metricsOf(metrics))

  app.route('/api', openfront(deps, config.openfront))
  app.use('/api/*', admin)
  app.route('/api/deliveries', deliveriesApi(deps))
  app.route('/api/dead-letters', deadLettersApi(deps))
  app.get('/api/invoices/:lagoInvoiceId', async (c) => {
    const invoice = await describeInvoice(db, config.publicUrl, c.req.param('lagoInvoiceId'))
    return invoice ? c.json(invoice) : c.json({ error: 'the bridge knows no such invoice' }, 404)
  })
  app.get('/api/customers/:lagoCustomerId', async (c) => {
    const customer = await describeCustomer(db, config.publicUrl, c.req.param('lagoCustomerId'))
    return customer ? c.json(customer) : c.json({ error: 'the bridge knows no such customer' }, 404)
  })
  if (config.openfront) {
    app.get('/api/orders', async (c) =>
      c.json({ orders: await listOrders(db, config.publicUrl, c.req.query()) }),
    )
    app.get('/api/orders/:orderId', async (c) => {
      const order = await describeOrder(db, config.publicUrl, c.req.param('orderId'))
      return order ? c.json(order) : c.json({ error: 'the bridge knows no such order' }, 404)
    })
  }
  if (adminToken !== undefined) {
    app.route('/assets', assets())
    app.route('/dashboard', dashboard(deps, { adminToken, guesses, say }))
  }
  app.fetch = openDoor(take, app.fetch)
  return app
}
