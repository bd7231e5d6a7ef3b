/** @jsxImportSource hono/jsx */
import type { Context } from 'hono'
import type { Child } from 'hono/jsx'

import type { Deps } from '../../deps.ts'
import type { Metrics } from '../../metrics/metrics.ts'
import type { Fetch } from '../../vendor-fetch.ts'
import type { ApiDeps } from '../api/operator-api.ts'
import { BEGUN, findAction } from '../../operate/audit.ts'
import { countAttention } from '../../report/dashboard/activity.ts'
import { BUILD } from '../../version.ts'
import { DODO_PAYMENTS } from '../dodo-pages.ts'
import { renderFrame, type Section } from './frame.tsx'
import { forPeople, writeMoment } from './words.ts'
import type { Session, Sessions } from './session.ts'

/** What the pages are made from. */
export type DashboardDeps = ApiDeps & {
  /** How notifications leave. */
  tellWith: Fetch
  /** How the services answer, as this process sees it. */
  metrics: Pick<Metrics, 'answers' | 'budgets'>
}

/** What the middleware knows of whoever asks. */
export type Env = { Variables: { session?: Session } }
export type DashboardContext = Context<Env>

type Page = {
  title: string
  section?: Section
  query?: string
  status?: 200 | 400 | 403 | 404 | 429 | 503
}
export type Show = ReturnType<typeof createShow>

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

/** Puts what a page says into its frame, with what was done a moment ago above it. */
export function createShow(
  { config, db, now }: Pick<Deps, 'config' | 'db' | 'now'>,
  sessions: Sessions,
) {
  const basePath = new URL(config.publicUrl).pathname.replace(/\/+$/, '')
  const isReal = /(?:^|\.)dodopayments\.com$/.test(new URL(config.dodo.url).hostname)
  const dodoPayments = isReal ? DODO_PAYMENTS : undefined

  async function show(c: DashboardContext, page: Page, body: Child): Promise<Response> {
    const session = c.get('session')
    const at = now()
    const html = renderFrame({
      around: {
        basePath,
        now: at,
        session,
        formToken: session ? sessions.formToken(session) : '',
        dodoPayments,
      },
      title: page.title,
      section: page.section,
      query: page.query,
      isTest: config.dodo.environment === 'test',
      hasOrders: Boolean(config.openfront ?? config.highlevel),
      attention: session ? await countAttention(db).catch(() => 0) : 0,
      foot: `v${BUILD} · Dodo ${config.dodo.environment} mode · collection ${config.collection} · page made ${writeMoment(at)}`,
      children: (
        <>
          {session && <Done {...await findDone(c)} />}
          {body}
        </>
      ),
    })
    return c.html(html, page.status ?? 200)
  }

  /** What the action came to that led to this page, as the record has it: an address proves nothing. */
  async function findDone(c: DashboardContext) {
    const id = c.req.query('done') ?? ''
    const row = UUID.test(id) ? await findAction({ db, now }, id).catch(() => undefined) : undefined
    return { outcome: row?.outcome }
  }

  return Object.assign(show, { basePath })
}

function Done({ outcome }: { outcome: string | undefined }) {
  if (outcome === undefined) return <></>
  const isDone = outcome.startsWith('done: ')
  if (outcome === BEGUN) {
    return (
      <p class="notice" role="status">
        It is being done. Open this page again in a moment.
      </p>
    )
  }
  const said = forPeople(outcome.replace(/^(?:done|refused|failed): /, ''))
  return (
    <p class={`notice ${isDone ? 'ok' : 'warn'}`} role="status">
      {isDone ? 'Done: ' : outcome.startsWith('refused') ? 'Not done: ' : 'Not finished: '}
      {said}
    </p>
  )
}

export const showNothing = (show: Show, c: DashboardContext, what?: string) =>
  show(
    c,
    { title: 'Not found', status: 404 },
    <div class="intro">
      <h1>There is nothing at this address</h1>
      <p>{what ?? 'The search finds invoices, customers, payments and deliveries by any id.'}</p>
    </div>,
  )
