import { Hono, type Context } from 'hono'

import type { Deps } from '../deps.ts'
import { formatForPeople } from './format-amount.ts'
import { createPayLinks, type Answer } from './pay-links.ts'
import { renderPage } from './pay-page.tsx'
import type { Subject } from './pay-subject.ts'
import type { Notice } from './pay-texts.ts'
import { isVisit } from './visitor.ts'

/** A page that updates by itself does so ever more seldom, and not for ever: it may lie forgotten in a tab. */
const REFRESH_SECONDS = [2, 2, 3, 5, 8, 13, 21, 34, 55]
/** What is said when a page has updated itself for the last time. */
const AT_LAST: Partial<Record<Notice, Notice>> = {
  preparing: 'unavailable',
  waiting: 'still_waiting',
  unconfirmed: 'unconfirmed',
}

/**
 * Where a customer pays an invoice, for as long as it lives, several invoices together, or saves a card. A visit
 * has it looked at first, so that nobody is sent to pay what is paid, void or another amount by now. What only
 * looks ahead (HEAD, prefetch, a mail scanner) gets a page, and has no effect.
 */
export function pay(deps: Pick<Deps, 'config' | 'db' | 'queue' | 'now'>) {
  const links = createPayLinks(deps)
  const basePath = new URL(deps.config.publicUrl).pathname.replace(/\/$/, '')
  const app = new Hono()

  function show(c: Context, subject: Subject | undefined, notice: Notice, begunAt?: string) {
    const token = c.req.param('token') ?? ''
    const payPath = subject && `${basePath}/pay/${token}`
    const here = payPath && (c.req.path.endsWith('/return') ? `${payPath}/return` : payPath)
    const looks = Math.max(0, Math.floor(Number(c.req.query('look')) || 0))
    const seconds = REFRESH_SECONDS[looks]
    const last = seconds ? undefined : AT_LAST[notice]
    const page = renderPage({
      notice: last ?? notice,
      title: subject?.title,
      amount: subject && formatForPeople(subject),
      payPath,
      againPath: begunAt ?? (last === 'still_waiting' ? here : payPath),
      refresh:
        AT_LAST[notice] && seconds ? { seconds, url: `${here}?look=${looks + 1}` } : undefined,
    })
    return c.html(page, notice === 'unknown' ? 404 : 200)
  }

  function lead(c: Context, { subject, url, begunAt, ...rest }: Answer, status: 302 | 303) {
    if (!subject) return show(c, undefined, 'unknown')
    if (url) return c.redirect(url, status)
    if (begunAt) return show(c, subject, 'unconfirmed', begunAt)
    const notice = rest.wantsPerson ? 'ready' : noticeOf(subject)
    if (rest.isUnfinished && isOpen(subject)) return show(c, subject, 'preparing')
    return show(c, subject, notice)
  }

  app.get('/:token', async (c) => {
    const token = c.req.param('token')
    if (isVisit(c.req.raw)) return lead(c, await links.open(token, { isAsked: false }), 302)
    const { subject } = await links.peek(token)
    if (!subject) return show(c, undefined, 'unknown')
    return show(c, subject, isOpen(subject) ? 'ready' : noticeOf(subject))
  })

  // Pressing the button is what no program does that only looks at links.
  app.post('/:token', async (c) => {
    return lead(c, await links.open(c.req.param('token'), { isAsked: true }), 303)
  })

  // What the query of a return URL says is forgeable, and so is not looked at, but for how often we refreshed.
  app.get('/:token/return', async (c) => {
    const token = c.req.param('token')
    const { subject } = isVisit(c.req.raw) ? await links.returned(token) : await links.peek(token)
    if (!subject) return show(c, undefined, 'unknown')
    const notice = subject.state === 'failed' ? 'declined' : noticeOf(subject)
    return show(c, subject, notice === 'preparing' ? 'waiting' : notice)
  })
  return app
}

const isOpen = ({ state }: Subject) => state === 'open' || state === 'failed'

/** What a customer is told. The merchant's reasons are the merchant's. */
function noticeOf({ kind, state }: Subject): Notice {
  if (kind === 'customer' && state === 'paid') return 'card_saved'
  switch (state) {
    case 'paid':
    case 'processing':
    case 'void':
      return state
    case 'skipped':
    case 'attention':
      return 'not_payable'
    case 'open':
    case 'failed':
      return 'preparing'
  }
}
