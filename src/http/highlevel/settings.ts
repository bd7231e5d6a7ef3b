import { Hono, type Context, type MiddlewareHandler } from 'hono'
import { bodyLimit } from 'hono/body-limit'

import { isAllowed } from '../../billers/highlevel/install/allowed.ts'
import { forgetAccount } from '../../billers/highlevel/install/forget-account.ts'
import type { Installing } from '../../billers/highlevel/install/installing.ts'
import { findKeyHolder, findLocation } from '../../billers/highlevel/install/location-rows.ts'
import { mayServe, readAccounts } from '../../billers/highlevel/install/served-modes.ts'
import {
  openSession,
  readSession,
  SESSION_SECONDS,
  type Session,
} from '../../billers/highlevel/install/sessions.ts'
import type { Mode } from '../../highlevel/keys.ts'
import { decryptSso } from '../../highlevel/sso.ts'
import { listLocationOrders } from '../../report/location-orders.ts'
import { enterAccount } from '../../setup/enter-account.ts'
import { RETRY_AFTER_SECONDS } from '../refusal.ts'
import { refuseMethod } from '../refuse-method.ts'
import { answerAsset } from '../asset.ts'
import { framedByAnybody } from './framed-by-anybody.ts'
import { renderSettings, SETTINGS_ASSETS } from './settings-page.tsx'
import { createWindow } from './window.ts'

const MAX_BYTES = 1024 * 1024
/** Nobody opens the page so often, and whoever has captured what opens it has our database asked each time. */
const PER_LOCATION = { most: 120, perMs: 60_000 }
/** As Dodo's keys are: nothing that a header could not carry. */
const API_KEY = /^[\x21-\x7e]{8,500}$/
/** Whom the app belongs to: HighLevel's word for those who may change a location's settings. */
const ADMIN = 'admin'

type Visit = { Variables: { session: Session } }

/** The app's custom page in HighLevel, and the four routes that it asks. */
export function highlevelSettings(deps: Installing) {
  const app = new Hono<Visit>()
  const limit = bodyLimit({
    maxSize: MAX_BYTES,
    onError: (c) => c.json({ error: 'Body too large' }, 413),
  })
  app.use('/settings', framedByAnybody)
  app.use('/settings/*', framedByAnybody)
  const { pathname } = new URL(deps.highlevel.publicUrl)
  const basePath = pathname.replace(/\/+$/, '')
  app.get('/settings', (c) => c.html(renderSettings(basePath)))
  app.all('/settings', (c) => refuseMethod(c, 'GET'))
  app.get('/settings/:name{settings\\.(?:js|css)}', (c) => {
    const asset = SETTINGS_ASSETS.get(c.req.param('name'))
    return asset ? answerAsset(c, asset) : c.notFound()
  })

  const takeSession = createWindow(PER_LOCATION, deps.now)
  app.post('/settings/session', limit, (c) => beginSession(deps, c, takeSession))
  app.all('/settings/session', (c) => refuseMethod(c, 'POST'))

  const signedIn = requireSession(deps)
  app.get('/settings/state', signedIn, async (c) => c.json(await describe(deps, c.var.session)))
  app.all('/settings/state', (c) => refuseMethod(c, 'GET'))

  const at = '/settings/accounts/:mode'
  app.use(at, async (c, next) => (modeOf(c) ? next() : c.json(UNKNOWN_MODE, 404)))
  app.put(at, signedIn, limit, (c) => enter(deps, c, modeOf(c) ?? 'test'))
  app.delete(at, signedIn, (c) => forget(deps, c, modeOf(c) ?? 'test'))
  app.all(at, (c) => refuseMethod(c, 'PUT, DELETE'))
  app.all('/settings/accounts/*', (c) => c.json(UNKNOWN_MODE, 404))
  return app
}

const UNKNOWN_MODE = { error: 'Unknown mode: live or test' }
const modeOf = (c: Context): Mode | undefined =>
  (['live', 'test'] as const).find((mode) => mode === c.req.param('mode'))

const UNKNOWN = 'HighLevel does not say who you are: open this page in a location that has the app'

async function beginSession(
  { db, highlevel, now }: Installing,
  c: Context,
  mayOpen: (locationId: string) => boolean,
) {
  const { ssoSecret } = highlevel.settings
  const body = await readObject(c)
  if (!body) return c.json({ error: 'send a JSON object' }, 400)
  const user = ssoSecret === undefined ? undefined : decryptSso(ssoSecret, body['payload'])
  const locationId = user?.activeLocation
  if (!user || locationId === undefined) return c.json({ error: UNKNOWN }, 401)
  if (!mayOpen(locationId)) {
    c.header('Retry-After', RETRY_AFTER_SECONDS)
    return c.json({ error: 'This page was opened too often: try again in a minute' }, 429)
  }
  const location = await findLocation(db, locationId)
  const companyId = location?.companyId ?? user.companyId ?? null
  if (!isAllowed(highlevel.settings, { locationId, companyId }))
    return c.json({ error: 'This location is not allowed here' }, 403)
  if (!(await findKeyHolder(db, locationId))) return c.json({ error: UNKNOWN }, 401)
  if (user.role !== ADMIN)
    return c.json({ error: 'Only an admin of the location may see its settings' }, 403)
  const token = openSession(highlevel.seal, { locationId, userId: user.userId }, now())
  return c.json({ token, locationId, expiresIn: SESSION_SECONDS })
}

/** A token counts while its location has the app, and is allowed to. */
function requireSession({ db, highlevel, now }: Installing): MiddlewareHandler<Visit> {
  return async function admit(c, next) {
    const [, token] = /^Bearer (\S+)$/.exec(c.req.header('authorization') ?? '') ?? []
    const session = readSession(highlevel.seal, token, now())
    // Like its keys, it ends with an UNINSTALL that is only stored.
    const location = session && (await findKeyHolder(db, session.locationId))
    if (!session || !location || !isAllowed(highlevel.settings, location))
      return c.json({ error: 'The session has ended: open the page again' }, 401)
    c.set('session', session)
    return next()
  }
}

async function describe(deps: Installing, { locationId }: Session) {
  const [location, accountsOf, orders] = await Promise.all([
    findLocation(deps.db, locationId),
    readAccounts(deps, locationId),
    listLocationOrders(deps.db, locationId),
  ])
  const accounts = accountsOf(locationId)
  const shown = (mode: Mode) => ({ served: accounts[mode] !== 'none', account: accounts[mode] })
  return {
    locationId,
    connected: location?.connectedAs != null,
    problem: location?.problem ?? null,
    modes: { live: shown('live'), test: shown('test') },
    orders,
  }
}

async function enter(deps: Installing, c: Context<Visit>, mode: Mode) {
  const { session } = c.var
  const { apiKey } = (await readObject(c)) ?? {}
  if (typeof apiKey !== 'string' || !API_KEY.test(apiKey))
    return c.json({ error: 'send the API key of a Dodo Payments account as apiKey' }, 400)
  if (!mayServe(deps.config, mode)) return c.json({ error: `${mode} mode is not served here` }, 400)
  const entered = await enterAccount(deps, { locationId: session.locationId, mode, apiKey })
  if (entered.is === 'refused') return c.json({ error: entered.why }, 400)
  if (entered.is === 'unanswered')
    return c.json({ error: 'Dodo did not answer: try again in a minute' }, 503)
  note(deps, session, `dodo account of ${mode} mode entered`)
  return c.json(await describe(deps, session))
}

async function forget(deps: Installing, c: Context<Visit>, mode: Mode) {
  const { session } = c.var
  if ((await forgetAccount(deps, { locationId: session.locationId, mode })) === 'in_use') {
    const error = 'Subscriptions run on this account: cancel them first, or let them end'
    return c.json({ error }, 409)
  }
  note(deps, session, `dodo account of ${mode} mode forgotten`)
  return c.json(await describe(deps, session))
}

const note = ({ log }: Installing, { locationId, userId }: Session, what: string) =>
  log.info({ locationId, userId }, what)

async function readObject(c: Context): Promise<Record<string, unknown> | undefined> {
  const body: unknown = await c.req.json().catch(() => undefined)
  const isObject = typeof body === 'object' && body !== null && !Array.isArray(body)
  return isObject ? (body as Record<string, unknown>) : undefined
}
