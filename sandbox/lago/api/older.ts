import type { MiddlewareHandler } from 'hono'
import { answer } from './answer.ts'
import { railsJson } from './rails-json.ts'
import type { Since } from '../store/release.ts'

/** Ahead of every release that there is. */
const isToday = (since: Since) => since('999.0.0')

/** Where each route first appears. */
const ROUTES = [
  [/^\/api\/v1\/invoices\/[^/]+\/lose_dispute$/, '1.1.1'],
  [/^\/api\/v1\/payment_requests$/, '1.9.0'],
  [/^\/api\/v1\/payments(\/|$)/, '1.19.0'],
  [/^\/api\/v1\/wallet_transactions\/[^/]+$/, '1.20.2'],
  [/^\/api\/v1\/payment_requests\/[^/]+$/, '1.32.1'],
  [/^\/api\/v1\/credit_notes\/[^/]+\/metadata/, '1.37.0'],
] as const

/** Filters that an older Lago ignores in silence: it lists everything. */
const FILTERS = [
  [/^\/api\/v1\/wallets\/[^/]+\/wallet_transactions$/, ['transaction_status'], '1.2.1'],
  [/^\/api\/v1\/invoices$/, ['search_term'], '1.6.1'],
  [/^\/api\/v1\/credit_notes$/, ['invoice_number', 'refund_status'], '1.17.4'],
  [/^\/api\/v1\/invoices$/, ['statuses[]', 'payment_statuses[]'], '1.33.3'],
  [/^\/api\/v1\/customers$/, ['search_term'], '1.34.0'],
  [/^\/api\/v1\/credit_notes$/, ['types[]'], '1.42.0'],
  [/^\/api\/v1\/customers$/, ['external_id'], '1.49.0'],
] as const

/** Where each event is first sent. */
const EVENTS: Readonly<Record<string, string>> = {
  'invoice.payment_dispute_lost': '1.1.1',
  'wallet_transaction.created': '1.3.0',
  'wallet_transaction.updated': '1.3.0',
  'invoice.payment_overdue': '1.6.0',
  'payment_request.created': '1.10.0',
  'customer.created': '1.16.0',
  'customer.updated': '1.16.0',
  'wallet.created': '1.22.0',
}

/** Where each field first appears, whatever object it is in. */
const FIELDS: Readonly<Record<string, string>> = {
  payment_dispute_lost_at: '1.1.1',
  transaction_status: '1.2.1',
  payment_overdue: '1.6.0',
  invoice_requires_successful_payment: '1.8.2',
  precise_coupons_amount_cents: '1.8.2',
  progressive_billing_credit_amount_cents: '1.9.0',
  self_billed: '1.19.0',
  total_due_amount_cents: '1.22.0',
  voided_at: '1.32.0',
  organization_id: '1.33.3',
  offset_amount_cents: '1.40.0',
  total_paid_amount_cents: '1.41.0',
  total_offsetted_credit_note_amount_cents: '1.41.0',
  web_url: '1.51.0',
}

/** The same for fields that others have had all along: told by what stands beside them. */
const FIELDS_BESIDE = [
  ['updated_at', 'payment_due_date', '1.17.3'],
  ['lago_invoice_id', 'lago_wallet_id', '1.35.0'],
  ['name', 'signature_algo', '1.44.0'],
  ['event_types', 'signature_algo', '1.44.0'],
] as const

/** Whether the release announces such a thing at all. */
export const announces = (since: Since, webhookType: string) =>
  since(EVENTS[webhookType] ?? '1.0.0')

/** What an older Lago shows of an object: what it does not know is absent, not null. */
export function asShownBy(since: Since, value: unknown): unknown {
  if (isToday(since)) return value
  if (Array.isArray(value)) return value.map((one) => asShownBy(since, one))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key]) => since(FIELDS[key] ?? '1.0.0'))
      .filter(([key]) =>
        FIELDS_BESIDE.every(
          ([field, beside, release]) => field !== key || !(beside in value) || since(release),
        ),
      )
      .map(([key, inner]) => [key, asShownBy(since, inner)]),
  )
}

/** Answers as an older Lago does: without the routes, the filters and the fields that it does not have. */
export function olderApi(since: Since): MiddlewareHandler {
  if (isToday(since)) return (_c, next) => next()
  return async function older(c, next) {
    const url = new URL(c.req.url)
    const route = ROUTES.find(([path]) => path.test(url.pathname))
    // The list of top-ups is older than the route to one of them; POST has always been there.
    const isThere = !route || since(route[1]) || url.pathname.endsWith('/wallet_transactions')
    if (!isThere) return answer(NO_SUCH_ROUTE, 404)
    for (const [path, names, release] of FILTERS) {
      if (path.test(url.pathname) && !since(release)) {
        for (const name of names) url.searchParams.delete(name)
      }
    }
    if (url.href !== c.req.url) c.req.raw = new Request(url.href, c.req.raw)
    await next()
    if (!c.res.headers.get('content-type')?.startsWith('application/json')) return undefined
    const text = await c.res.text()
    const shown = text === '' ? '' : railsJson(withoutItems(since, JSON.parse(text)))
    c.res = new Response(shown, { status: c.res.status, headers: c.res.headers })
    return undefined
  }
}

/** Lists of credit notes come without items before 1.2.1. */
function withoutItems(since: Since, answered: unknown): unknown {
  const shown = asShownBy(since, answered) as { credit_notes?: Record<string, unknown>[] }
  if (!Array.isArray(shown?.credit_notes) || since('1.2.1')) return shown
  return { ...shown, credit_notes: shown.credit_notes.map(({ items: _items, ...note }) => note) }
}

/** Lago's answer to a route that it does not have. */
export const NO_SUCH_ROUTE = { status: 404, error: 'Not Found', code: 'resource_not_found' }
