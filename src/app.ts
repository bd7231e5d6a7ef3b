import { Hono } from 'hono'
import { secureHeaders } from 'hono/secure-headers'

import type { Deps } from './deps.ts'
import { InvalidSignature, MalformedEvent, messageOf } from './errors.ts'
import { adminOnly } from './http/admin.ts'
import { pay } from './http/pay.tsx'
import { Refusal, RETRY_AFTER_SECONDS } from './http/refusal.ts'
import { webhooks } from './http/webhooks.ts'
import type { Receive } from './inbox/receive.ts'
import { describeCustomer } from './report/customer.ts'
import { describeInvoice } from './report/invoice.ts'

export type AppDeps = Pick<Deps, 'config' | 'db' | 'queue' | 'lago' | 'log' | 'now'> & {
  receive: Receive
  organizationId: () => Promise<string>
  /** What keeps us from being ready; empty when nothing does. */
  findUnready: () => Promise<string[]>
}

/** The whole HTTP surface. Errors become statuses here and nowhere else. */
export function createApp(deps: AppDeps) {
  const { config, db, log } = deps
  const app = new Hono()

  app.onError((error, c) => {
    if (error instanceof InvalidSignature) {
      log.warn({ path: c.req.routePath, reason: error.message }, 'delivery refused')
      return c.json({ error: 'the signature is missing, wrong or too old' }, 401)
    }
    if (error instanceof Refusal) {
      if (error.status === 503) c.header('Retry-After', RETRY_AFTER_SECONDS)
      return c.json({ error: error.message }, error.status)
    }
    if (error instanceof MalformedEvent) return c.json({ error: error.message }, 400)
    // The sender is to try again: whatever it was, nothing has been acknowledged.
    log.error({ path: c.req.routePath, error: messageOf(error) }, 'request failed')
    return c.json({ error: 'not now, please try again' }, 503)
  })
  app.notFound((c) => c.json({ error: 'there is nothing here' }, 404))

  app.route('/webhooks', webhooks(deps))
  app.get('/health', (c) => c.json({ ok: true }))
  app.get('/ready', async (c) => {
    const missing = await deps.findUnready()
    return c.json({ ready: missing.length === 0, missing }, missing.length === 0 ? 200 : 503)
  })

  app.use('/pay/*', secureHeaders({ contentSecurityPolicy: PAGE_POLICY }))
  app.route('/pay', pay(deps))

  app.use('/api/*', adminOnly(config.adminToken))
  app.get('/api/invoices/:lagoInvoiceId', async (c) => {
    const invoice = await describeInvoice(db, config.publicUrl, c.req.param('lagoInvoiceId'))
    return invoice ? c.json(invoice) : c.json({ error: 'the bridge knows no such invoice' }, 404)
  })
  app.get('/api/customers/:lagoCustomerId', async (c) => {
    const customer = await describeCustomer(db, config.publicUrl, c.req.param('lagoCustomerId'))
    return customer ? c.json(customer) : c.json({ error: 'the bridge knows no such customer' }, 404)
  })
  return app
}

const PAGE_POLICY = {
  defaultSrc: ["'none'"],
  styleSrc: ["'unsafe-inline'"],
  baseUri: ["'none'"],
  formAction: ["'none'"],
  frameAncestors: ["'none'"],
}
