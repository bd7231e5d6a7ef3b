import { Hono, type Context } from 'hono'

import type { Deps } from './deps.ts'
import { InvalidSignature, MalformedEvent, messageOf } from './errors.ts'
import { adminOnly } from './http/admin.ts'
import { describeApi } from './http/api/describe.ts'
import { operatorApi } from './http/api/operator-api.ts'
import { customerPages } from './http/customer-pages.ts'
import { openDoor } from './http/door.ts'
import { assets } from './http/assets.ts'
import type { HighlevelDeps } from './billers/highlevel/deps.ts'
import type { HighlevelAccess } from './billers/highlevel/install/open.ts'
import { dashboard } from './http/dashboard/dashboard.tsx'
import { createGuesses } from './http/guesses.ts'
import { deadLettersApi, deliveriesApi } from './http/deliveries.ts'
import { countDeliveries, meterReceive, meterRoutes, metricsOf } from './http/metrics.ts'
import { highlevelInstall } from './http/highlevel/install.ts'
import { highlevelPay } from './http/highlevel/pay.ts'
import { highlevelQuery } from './http/highlevel/query.ts'
import { highlevelSettings } from './http/highlevel/settings.ts'
import { openfront } from './http/openfront.ts'
import { refuseMethod } from './http/refuse-method.ts'
import { Refusal, RETRY_AFTER_SECONDS } from './http/refusal.ts'
import { createSampledLog } from './http/sampled-log.ts'
import { answerFailure, answerNothing, createGetPath, guarded } from './http/surface.ts'
import { sourceOf } from './http/source.ts'
import { createTake, webhooks } from './http/webhooks.ts'
import type { Receive } from './inbox/receive.ts'
import { sourceAt } from './webhook-sources.ts'
import type { Inspect } from './doctor/inspect.ts'
import type { Fetch } from './vendor-fetch.ts'
import type { Metrics } from './metrics/metrics.ts'
import { createRefusedCount, PROBE_ID } from './inbox/refused.ts'
import { describeOrder, listOrders } from './report/order.ts'
import { VERSION } from './version.ts'

export type AppDeps = Pick<
  Deps,
  'accounts' | 'config' | 'db' | 'queue' | 'lago' | 'dodo' | 'log' | 'now' | 'sources'
> & {
  receive: Receive
  /** How the merchant's logo is fetched. */
  fetch?: Fetch
  organizationId: () => Promise<string>
  /** What keeps us from being ready; empty when nothing does. */
  findUnready: () => Promise<string[]>
  metrics: Metrics
  /** Undefined while HighLevel is off. */
  highlevel?: HighlevelAccess | undefined
  paying?: HighlevelDeps | undefined
  /** The checks of `doctor`, from inside. */
  inspect: Inspect
  /** How notifications leave. */
  tellWith: Fetch
}

/** The whole HTTP surface. Errors become statuses here and nowhere else. */
export function createApp(deps: AppDeps) {
  const { config, db, log, metrics } = deps
  const app = new Hono({ getPath: createGetPath(config.publicUrl) })
  const say = createSampledLog(log)
  const { around, app: customers } = customerPages(deps)
  const countRefused = createRefusedCount({ db, now: deps.now })
  const noteRefused = (c: Context, { message, about }: InvalidSignature) => {
    const id = c.req.header('x-lago-unique-key') ?? c.req.header('webhook-id') ?? ''
    const source = sourceAt(c.req.path)
    if (source && !id.startsWith(PROBE_ID))
      countRefused(source, { at: deps.now(), from: sourceOf(c), reason: message, about })
  }

  app.onError((error, c) => {
    if (error instanceof InvalidSignature) {
      // The reason is for the operator. A stranger learns nothing of how we are set up.
      say('warn', { path: c.req.routePath, reason: error.message }, 'delivery refused')
      noteRefused(c, error)
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
    return answerFailure(c, around)
  })
  app.notFound((c) => answerNothing(c, say, around))

  const guesses = createGuesses()
  const { adminToken, viewerToken } = config
  const admin = adminOnly(adminToken, { guesses, say, viewerToken })

  app.use(
    meterRoutes(metrics),
    guarded(config.publicUrl, { isOpened: config.highlevel !== undefined }),
  )
  app.use('/webhooks/*', countDeliveries(metrics))
  const take = createTake({ ...deps, receive: meterReceive(metrics, deps.receive) })
  app.route('/webhooks', webhooks(take, { accounts: deps.accounts, isLagoOn: config.lago.isOn }))
  app.get('/health', (c) => c.json({ ok: true, version: VERSION }))
  app.get('/ready', async (c) => {
    const missing = await deps.findUnready()
    if (missing.length === 0) return c.json({ ready: true, missing })
    c.header('Retry-After', RETRY_AFTER_SECONDS)
    return c.json({ ready: false, missing }, 503)
  })
  app.get('/favicon.ico', (c) => c.body(null, 204))
  app.get('/robots.txt', (c) => c.text('User-agent: *\nDisallow: /\n'))
  app.route('/', customers)
  const { highlevel, paying } = deps
  if (highlevel) {
    app.route('/highlevel', highlevelInstall({ ...deps, highlevel }))
    app.route('/highlevel', highlevelSettings({ ...deps, highlevel }))
  }
  if (paying) {
    app.route('/highlevel', highlevelPay(paying))
    app.route('/highlevel', highlevelQuery(paying))
  }

  app.get('/metrics', admin, metricsOf(metrics))

  app.route('/api', openfront(deps, config.openfront))
  app.use('/api/*', admin)
  app.route('/api/deliveries', deliveriesApi(deps))
  app.route('/api/dead-letters', deadLettersApi(deps))
  app.route('/api', operatorApi(deps))
  app.get('/api/openapi.json', (c) => c.json(describeApi(config.publicUrl)))
  if (config.openfront || config.highlevel) {
    app.get('/api/orders', async (c) => {
      const { items, next = null } = await listOrders(db, config.publicUrl, c.req.query())
      return c.json({ orders: items, next })
    })
    app.get('/api/orders/:orderId', async (c) => {
      const order = await describeOrder(db, config.publicUrl, c.req.param('orderId'))
      return order ? c.json(order) : c.json({ error: 'the bridge knows no such order' }, 404)
    })
    app.all('/api/orders', (c) => refuseMethod(c, 'GET, HEAD'))
    app.all('/api/orders/:orderId', (c) => refuseMethod(c, 'GET, HEAD'))
  }
  app.route('/assets', assets({ hasDashboard: adminToken !== undefined }))
  if (adminToken !== undefined) {
    app.route('/dashboard', dashboard(deps, { adminToken, guesses, say }))
  }
  const served = config.lago.isOn ? take : { dodo: take.dodo }
  app.fetch = openDoor(served, app.fetch, (route, seconds) =>
    metrics.http.observe({ route, method: 'POST', status: '200' }, seconds),
  )
  return app
}
