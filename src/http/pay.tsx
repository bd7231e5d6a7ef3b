/** @jsxImportSource hono/jsx */
import { and, eq, inArray } from 'drizzle-orm'
import { Hono, type Context } from 'hono'

import { attempts, invoices } from '../db/schema.ts'
import type { Deps } from '../deps.ts'
import { formatLago } from '../domain/money.ts'
import type { InvoiceRow } from '../settle/load.ts'
import { PayPage, type Notice } from './pay-page.tsx'

/** A customer waits this long for a checkout before being shown that it takes a moment. */
const WAIT_MS = 9_000
const POLL_MS = 40
/** The return page asks Dodo again no more often than this, however often it is reloaded. */
const ASK_AGAIN_MS = 4_000
const REFRESH_SECONDS = 2

type PayDeps = Pick<Deps, 'db' | 'queue' | 'now'>

/**
 * Where a customer pays an invoice, for as long as it lives. Each visit has the invoice looked at first, so
 * that nobody is sent to pay what is paid, void or another amount by now.
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
    const found = await findByToken(deps, c.req.param('token'))
    if (!found) return show(c, undefined, { kind: 'unknown' }, 404)
    const isLookedAt = await requestCheckout(deps, found)
    const row = (await findByToken(deps, c.req.param('token'))) ?? found
    const url = await findLiveCheckout(deps, row)
    if (url && row.isPayable) return c.redirect(url, 302)
    return show(c, row, isLookedAt ? noticeOf(row) : { kind: 'preparing' })
  })

  // What the query of a return URL says is forgeable, and so is not looked at.
  app.get('/:token/return', async (c) => {
    const row = await findByToken(deps, c.req.param('token'))
    if (!row) return show(c, undefined, { kind: 'unknown' }, 404)
    if (row.state === 'open' || row.state === 'failed' || row.state === 'processing')
      await askForNews(deps, row)
    const notice = noticeOf(row)
    return show(c, row, notice.kind === 'preparing' ? { kind: 'waiting' } : notice)
  })
  return app
}

async function findByToken({ db }: PayDeps, token: string): Promise<InvoiceRow | undefined> {
  if (!/^[\w-]{1,100}$/.test(token)) return undefined
  const [row] = await db.select().from(invoices).where(eq(invoices.payToken, token))
  return row
}

/** Asks for something payable, and waits until the invoice has been settled with that wish. */
async function requestCheckout(deps: PayDeps, { lagoInvoiceId }: InvoiceRow): Promise<boolean> {
  const requestedAt = deps.now()
  await deps.db.transaction(async (tx) => {
    await tx
      .update(invoices)
      .set({ requestedAt, requestedBy: 'customer' })
      .where(eq(invoices.lagoInvoiceId, lagoInvoiceId))
    await deps.queue.send(tx, 'settle', [
      { key: lagoInvoiceId, priority: 20, data: { cause: 'customer' } },
    ])
  })
  const deadline = performance.now() + WAIT_MS
  while (performance.now() < deadline) {
    const [row] = await deps.db
      .select({ requestedAt: invoices.requestedAt })
      .from(invoices)
      .where(eq(invoices.lagoInvoiceId, lagoInvoiceId))
    if (row?.requestedAt === null) return true
    await Bun.sleep(POLL_MS)
  }
  return false
}

async function askForNews({ db, queue, now }: PayDeps, { lagoInvoiceId, settledAt }: InvoiceRow) {
  if (settledAt && now().getTime() - settledAt.getTime() < ASK_AGAIN_MS) return
  const job = { key: lagoInvoiceId, priority: 20, data: { cause: 'customer' } }
  await db.transaction((tx) => queue.send(tx, 'settle', [job]))
}

async function findLiveCheckout({ db, now }: PayDeps, { lagoInvoiceId }: InvoiceRow) {
  const [attempt] = await db
    .select()
    .from(attempts)
    .where(and(eq(attempts.lagoInvoiceId, lagoInvoiceId), inArray(attempts.status, ['live'])))
  const isOpen = attempt?.expiresAt && attempt.expiresAt > now()
  return isOpen ? attempt.checkoutUrl : undefined
}

/** What a customer is told. The merchant's reasons are the merchant's. */
function noticeOf({ state }: InvoiceRow): Notice {
  switch (state) {
    case 'paid':
    case 'processing':
    case 'void':
      return { kind: state }
    case 'skipped':
    case 'attention':
      return { kind: 'not_payable' }
    case 'open':
    case 'failed':
      return { kind: 'preparing' }
  }
}

function show(c: Context, row: InvoiceRow | undefined, notice: Notice, status: 200 | 404 = 200) {
  const isTemporary = notice.kind === 'preparing' || notice.kind === 'waiting'
  const amount = row?.currency ? formatLago(row.amountDue, row.currency) : undefined
  return c.html(
    <PayPage
      notice={notice}
      number={row?.number ?? undefined}
      amount={amount}
      refreshSeconds={isTemporary ? REFRESH_SECONDS : undefined}
    />,
    status,
  )
}
