import { Hono } from 'hono'

import { openSession, readSession } from '../../billers/highlevel/session.ts'
import type { HighlevelDeps } from '../../billers/highlevel/deps.ts'
import { NotInTime } from '../../billers/orders/look.ts'
import { ApiError, Later, messageOf } from '../../errors.ts'
import { createBuckets } from '../buckets.ts'
import { RETRY_AFTER_SECONDS } from '../refusal.ts'
import { answerAsset } from '../asset.ts'
import { framed, PAY_ASSETS, renderFrame } from './frame.tsx'
import { allowOnly, limitBody, readObject } from './json.ts'
import { createWindow } from './window.ts'

const PER_LOCATION = { most: 120, perMs: 60_000 }
/** How often a page that waits has Dodo asked anew: a webhook says it sooner, unless it is lost. */
const OF_A_REF = { most: 3, everyMs: 8_000 }
const OF_ALL = { most: 20, everyMs: 1_600 }

/** The page that HighLevel frames, and what it asks. There is nothing here while HighLevel is off. */
export function highlevelPay(deps: HighlevelDeps) {
  const { config, log, now } = deps
  const takeSession = createWindow(PER_LOCATION, now)
  const refs = createBuckets(OF_A_REF, now)
  const all = createBuckets(OF_ALL, now)
  const page = renderFrame({
    basePath: new URL(config.publicUrl).pathname.replace(/\/$/, ''),
    savesCards: config.highlevel?.payments === 'recurring',
  })
  const app = new Hono()
  app.use('/pay', framed)
  app.use('/pay/*', framed)
  app.use('/session', framed)
  app.use('/session/*', framed)

  app.get('/pay', (c) => c.html(page))
  app.get('/pay/:asset', (c) => {
    const asset = PAY_ASSETS.get(c.req.param('asset'))
    return asset ? answerAsset(c, asset) : c.notFound()
  })

  app.post('/session', limitBody({ error: 'Body too large' }), async (c) => {
    const props = await readObject(c)
    if (!props) return c.json({ error: 'send a JSON object' }, 400)
    try {
      const { status, body } = await openSession(deps, props, takeSession)
      if (status === 429) c.header('Retry-After', RETRY_AFTER_SECONDS)
      return c.json(body, status)
    } catch (error) {
      const isExpected =
        error instanceof NotInTime || error instanceof ApiError || error instanceof Later
      log[isExpected ? 'warn' : 'error']({ error: messageOf(error) }, 'no session opened')
      c.header('Retry-After', RETRY_AFTER_SECONDS)
      return c.json({ error: 'The payment could not be started. Please try again.' }, 503)
    }
  })

  app.get('/session/:ref', async (c) => {
    const ref = c.req.param('ref')
    const found = await readSession(deps, ref, () => {
      if (refs.isEmpty(ref) || all.isEmpty('')) return false
      return refs.take(ref) && all.take('')
    })
    return found ? c.json(found) : c.json({ error: 'there is nothing here' }, 404)
  })

  allowOnly(app, '/pay', 'GET, HEAD', { error: 'send GET' })
  allowOnly(app, '/session', 'POST', { error: 'send POST' })
  allowOnly(app, '/session/:ref', 'GET, HEAD', { error: 'send GET' })
  return app
}
