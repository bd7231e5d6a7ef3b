/** @jsxImportSource hono/jsx */
import { Hono, type Context } from 'hono'

import type { Deps } from '../deps.ts'
import { formatLago } from '../domain/money.ts'
import { PayPage, type Notice } from './pay-page.tsx'
import { findSubject, handOut, lookAt, requestCheckout, type Subject } from './pay-subject.ts'

/** A customer waits this long for a checkout before being shown that it takes a moment. */
const WAIT_MS = 9_000
const POLL_MS = 40
/** The return page asks Dodo again no more often than this, however often it is reloaded. */
const ASK_AGAIN_MS = 4_000
/** A page that updates by itself does so ever more seldom, and not for ever: it may lie forgotten in a tab. */
const REFRESH_SECONDS = [2, 2, 3, 5, 8, 13, 21, 34, 55]

type PayDeps = Pick<Deps, 'db' | 'queue' | 'now'>

/**
 * Where a customer pays an invoice, for as long as it lives, several invoices together, or saves a card. Each
 * visit has it looked at first, so that nobody is sent to pay what is paid, void or another amount by now.
 */
export function pay(deps: PayDeps) {
  const app = new Hono()
  app.use(async (c, next) => {
    await next()
    c.header('Cache-Control', 'no-store')
    c.header('Referrer-Policy', 'no-referrer')
    c.header('X-Robots-Tag', 'noindex')
  })

  app.get('/:token', async (c) => {
    const token = c.req.param('token')
    const found = await findSubject(deps, token)
    if (!found) return show(c, undefined, 'unknown')
    const isLookedAt = await waitForCheckout(deps, token, found)
    const subject = (await findSubject(deps, token)) ?? found
    const url = subject.isPayable ? await handOut(deps, subject) : undefined
    if (url) return c.redirect(url, 302)
    return show(c, subject, isLookedAt ? noticeOf(subject) : 'preparing')
  })

  // What the query of a return URL says is forgeable, and so is not looked at, but for how often we refreshed.
  app.get('/:token/return', async (c) => {
    const subject = await findSubject(deps, c.req.param('token'))
    if (!subject) return show(c, undefined, 'unknown')
    if (isWaiting(subject)) await askForNews(deps, subject)
    const notice = subject.state === 'failed' ? 'declined' : noticeOf(subject)
    return show(c, subject, notice === 'preparing' ? 'waiting' : notice)
  })
  return app
}

const isWaiting = ({ state }: Subject) =>
  state === 'open' || state === 'failed' || state === 'processing'

/** Asks for something payable, and waits until it has been looked at with that wish. */
async function waitForCheckout(deps: PayDeps, token: string, subject: Subject): Promise<boolean> {
  await requestCheckout(deps, subject)
  const deadline = performance.now() + WAIT_MS
  while (performance.now() < deadline) {
    const fresh = await findSubject(deps, token)
    if (fresh?.requestedAt === null) return true
    await Bun.sleep(POLL_MS)
  }
  return false
}

async function askForNews(deps: PayDeps, subject: Subject) {
  const { settledAt } = subject
  if (settledAt && deps.now().getTime() - settledAt.getTime() < ASK_AGAIN_MS) return
  await lookAt(deps, subject)
}

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

function show(c: Context, subject: Subject | undefined, notice: Notice) {
  const amount =
    subject?.currency && subject.amountDue > 0
      ? formatLago(subject.amountDue, subject.currency)
      : undefined
  const looks = Math.max(0, Math.floor(Number(c.req.query('look')) || 0))
  const { pathname } = new URL(c.req.url)
  const refreshSeconds = REFRESH_SECONDS[looks]
  const isTemporary = notice === 'preparing' || notice === 'waiting'
  const refresh =
    isTemporary && refreshSeconds
      ? { seconds: refreshSeconds, url: `${pathname}?look=${looks + 1}` }
      : undefined
  return c.html(
    <PayPage
      notice={notice}
      title={subject?.title}
      amount={amount}
      payPath={pathname.replace(/\/return$/, '')}
      refresh={refresh}
    />,
    notice === 'unknown' ? 404 : 200,
  )
}
