/** @jsxImportSource hono/jsx */
import { Hono } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { csrf } from 'hono/csrf'
import { HTTPException } from 'hono/http-exception'

import type { Deps } from '../../deps.ts'
import { messageOf } from '../../errors.ts'
import { holdsNul } from '../admin.ts'
import type { Guesses } from '../guesses.ts'
import { RETRY_AFTER_SECONDS } from '../refusal.ts'
import type { SampledLog } from '../sampled-log.ts'
import { queryOf } from '../query-of.ts'
import { readForm } from './form.ts'
import { attentionPage } from './attention.tsx'
import { auditPage } from './audit.tsx'
import { customerPages } from './customers.tsx'
import { deadLetterPage } from './dead-letters.tsx'
import { deliveryPages } from './deliveries.tsx'
import { disputePages } from './disputes.tsx'
import { healthPage } from './health.tsx'
import { heldMoneyPages } from './held-money.tsx'
import { invoicePages } from './invoice.tsx'
import { invoiceList } from './invoices.tsx'
import { Link } from './kit.tsx'
import { login } from './login.tsx'
import { orderPages } from './orders.tsx'
import { overview } from './overview.tsx'
import { requestPages } from './payment-request.tsx'
import { refundPages } from './refunds.tsx'
import { search } from './search.tsx'
import { createSessions, type Sessions } from './session.ts'
import {
  createShow,
  showNothing,
  type DashboardContext,
  type DashboardDeps,
  type Env,
  type Show,
} from './show.tsx'
import { statementPages } from './statement.tsx'

/** No form of ours holds more. */
const MAX_FORM_BYTES = 64 * 1024

/** The operator's pages: nothing without a session but the login, and nothing is changed but by a form of theirs. */
export function dashboard(
  deps: DashboardDeps,
  { adminToken, guesses, say }: { adminToken: string; guesses: Guesses; say: SampledLog },
) {
  const { config, now } = deps
  const isSecure = config.publicUrl.startsWith('https:')
  const tokens = { admin: adminToken, viewer: config.viewerToken }
  const sessions = createSessions({ tokens, isSecure, now })
  const show = createShow(deps, sessions)
  const app = new Hono<Env>()

  app.onError((error, c) => {
    if (error instanceof HTTPException) return showRefusal(show, c, error.status)
    say('error', { path: c.req.routePath, error: messageOf(error) }, 'request failed')
    c.header('Retry-After', RETRY_AFTER_SECONDS)
    return showFailure(show, c)
  })
  app.use(bodyLimit({ maxSize: MAX_FORM_BYTES }))
  app.use(csrf({ origin: (origin, c) => isOwnOrigin(origin, c.req.header('host'), config) }))
  app.use(withSession(show, sessions))
  app.route('/', login(show, { sessions, guesses, say }))
  app.route('/', overview(show, deps))
  app.route('/invoices', invoiceList(show, deps))
  app.route('/invoices', invoicePages(show, deps))
  app.route('/held', heldMoneyPages(show, deps))
  app.route('/payment-requests', requestPages(show, deps))
  app.route('/orders', orderPages(show, deps))
  app.route('/customers', customerPages(show, deps))
  app.route('/attention', attentionPage(show, deps))
  app.route('/refunds', refundPages(show, deps))
  app.route('/disputes', disputePages(show, deps))
  app.route('/deliveries', deliveryPages(show, deps))
  app.route('/dead-letters', deadLetterPage(show, deps))
  app.route('/statement', statementPages(show, deps))
  app.route('/search', search(show, deps))
  app.route('/health/audit', auditPage(show, deps))
  app.route('/health', healthPage(show, deps))
  app.all('*', (c) => showNothing(show, c))
  return app
}

/**
 * Whether a form comes from a page of ours: of `PUBLIC_URL`, or of whatever host the dashboard is reached at, which a
 * browser lets no page make up.
 */
function isOwnOrigin(origin: string, host: string | undefined, { publicUrl }: Deps['config']) {
  return (
    origin === new URL(publicUrl).origin || (host !== undefined && URL.parse(origin)?.host === host)
  )
}

/** Shows the login to whoever has no session, whatever they ask for; a form counts only with its session's token. */
function withSession(show: Show, sessions: Sessions) {
  return async function session(c: DashboardContext, next: () => Promise<void>) {
    const found = await sessions.find(c)
    if (found) c.set('session', found)
    if (c.req.path === '/dashboard/login') return next()
    const isLook = c.req.method === 'GET' || c.req.method === 'HEAD'
    if (!found && isLook) {
      const to = encodeURIComponent(`${asSent(c.req.path)}${queryOf(c.req)}`)
      return c.redirect(`${show.basePath}/dashboard/login?next=${to}`)
    }
    if (!isLook) {
      const { token = '' } = await readForm(c)
      if (!found || !sessions.isFormOf(found, token)) return showRefusal(show, c, 403)
      if (found.role === 'viewer' && c.req.path !== '/dashboard/logout') return showViewer(show, c)
    }
    return isLook && holdsNul(c.req.path) ? showNothing(show, c) : next()
  }
}

/** A path is read for people; to lead there again it is written as browsers send it. */
const asSent = (path: string) => path.replaceAll(/[^!-~]+/gu, encodeURIComponent)

const showRefusal = (show: Show, c: DashboardContext, status: number) =>
  show(
    c,
    { title: 'Not accepted', status: 403 },
    <div class="intro">
      <h1>{status === 413 ? 'This form is too large' : 'This form is too old'}</h1>
      <p>Nothing was done. Open the page again.</p>
      <p>
        <Link to="">Overview</Link>
      </p>
    </div>,
  )

const showViewer = (show: Show, c: DashboardContext) =>
  show(
    c,
    { title: 'Not accepted', status: 403 },
    <div class="intro">
      <h1>VIEWER_TOKEN may only look</h1>
      <p>Nothing was done. Who may act signs in with ADMIN_TOKEN.</p>
    </div>,
  )

const showFailure = (show: Show, c: DashboardContext) =>
  show(
    c,
    { title: 'Not now', status: 503 },
    <div class="intro">
      <h1>This cannot be shown now</h1>
      <p>
        The database or one of the services did not answer. Nothing is lost; this page works again
        when it does. The log says more, under “request failed”.
      </p>
    </div>,
  )
