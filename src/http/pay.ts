import { Hono, type Context } from 'hono'

import type { Notice } from '../customer/texts/texts.ts'
import type { Deps } from '../deps.ts'
import { messageOf } from '../errors.ts'
import { ensureAccount } from '../collect/account.ts'
import { createBuckets } from './buckets.ts'
import { renderNotice } from './customer/notice.tsx'
import { receiptUrlOf } from './dodo-pages.ts'
import type { Around } from './customer/surroundings.ts'
import type { Answer, PayLinks } from './pay-links.ts'
import { readOutcome, type Subject } from './pay-subject.ts'
import { isNavigation, isRobot, isVisit } from './visitor.ts'

/** Whoever has looked so often is told that it takes longer. */
const MOST_CHECKS = 4
const AT_LAST: Partial<Record<Notice, Notice>> = {
  preparing: 'unavailable',
  waiting: 'still_waiting',
}
/** What is not news to whoever waits for a checkout, and to whoever waits for a result. */
const WAITS = { preparing: 'preparing', waiting: 'preparing open' } as const

/** Each asks a service for a file. */
const FILES = { most: 10, everyMs: 10_000 }

type PayDeps = Pick<Deps, 'accounts' | 'db' | 'queue' | 'now' | 'lago' | 'log'> & {
  links: PayLinks
  around: Around
}

/**
 * Where a customer pays an invoice, for as long as it lives, several invoices together, or saves a card. A visit
 * has it looked at first, so that nobody is sent to pay what is paid, void or another amount by now. What only
 * looks ahead (HEAD, prefetch, a mail scanner) gets a page, and has no effect.
 */
export function pay({ accounts, db, now, lago, log, links, around }: PayDeps) {
  const mayFetch = createBuckets(FILES, now)
  const app = new Hono()

  async function show(
    c: Context,
    subject: Subject | undefined,
    notice: Notice,
    { begunAt, isReturn = false }: { begunAt?: string; isReturn?: boolean } = {},
  ) {
    if (!subject) return c.html(unknown(c), 404)
    const payPath = `${around.basePath}/pay/${c.req.param('token') ?? ''}`
    const here = isReturn ? `${payPath}/return` : payPath
    const checks = Math.max(0, Math.floor(Number(c.req.query('check')) || 0))
    const told = checks >= MOST_CHECKS ? (AT_LAST[notice] ?? notice) : notice
    const waits = told === 'preparing' || told === 'waiting' ? WAITS[told] : undefined
    const page = renderNotice({
      around: await around.of(c, { payerKey: subject.customer, ...subject }),
      notice: told,
      subject,
      outcome: told === 'paid' || told === 'declined' ? await readOutcome({ db }, subject) : {},
      payPath,
      here,
      files: told === 'paid' ? { invoice: subject.kind === 'invoice' } : undefined,
      againPath: begunAt ?? (told === 'still_waiting' ? here : payPath),
      wait: waits && {
        checkPath: `${here}?check=${checks + 1}`,
        statusPath: `${payPath}/status`,
        words: waits,
      },
      accountPath: await accountPathOf(subject),
    })
    return c.html(page)
  }

  const unknown = (c: Context) =>
    renderNotice({ around: around.ofNobody(c), notice: 'unknown', payPath: undefined })

  /** Whoever chose several has come from the page of all of them, and knows it. */
  async function accountPathOf({ kind, customer }: Subject): Promise<string | undefined> {
    if (kind !== 'selection' || customer === null) return undefined
    const { token } = await ensureAccount({ db, now }, customer)
    return `${around.basePath}/account/${token}`
  }

  async function lead(c: Context, answer: Answer, status: 302 | 303) {
    const { subject, url, begunAt, wantsPerson, isUnfinished } = answer
    if (!subject) return c.html(unknown(c), 404)
    if (url) return c.redirect(url, status)
    if (begunAt) return show(c, subject, 'unconfirmed', { begunAt })
    // What was chosen otherwise meanwhile is not void, but to be chosen anew.
    const accountPath = subject.state === 'void' ? await accountPathOf(subject) : undefined
    if (accountPath) return c.redirect(accountPath, 303)
    if (isUnfinished && isOpen(subject)) return show(c, subject, 'preparing')
    return show(c, subject, wantsPerson ? 'ready' : noticeOf(subject))
  }

  app.get('/:token', async (c) => {
    const token = c.req.param('token')
    // Whoever chooses a language wants to read, and not to leave.
    const isReading = c.req.query('lang') !== undefined
    if (!isReading && isVisit(c.req.raw))
      return lead(c, await links.open(token, { isAsked: false }), 302)
    const { subject } = await links.peek(token)
    if (!subject) return show(c, undefined, 'unknown')
    if (!isReading && subject.kind === 'order' && isNavigation(c.req.raw))
      return lead(c, await links.open(token, { isAsked: false }), 302)
    return show(c, subject, isOpen(subject) ? 'ready' : noticeOf(subject))
  })

  // Pressing the button is what no program does that only looks at links.
  app.post('/:token', async (c) => {
    return lead(c, await links.open(c.req.param('token'), { isAsked: true }), 303)
  })

  // What the query of a return URL says is forgeable, and so is not looked at, but for how often it was looked.
  app.get('/:token/return', async (c) => {
    const token = c.req.param('token')
    const ask = c.req.query('check') === undefined ? links.returned : links.held
    const { subject } = isVisit(c.req.raw) ? await ask(token) : await links.peek(token)
    if (!subject) return show(c, undefined, 'unknown')
    const notice = subject.state === 'failed' ? 'declined' : noticeOf(subject)
    return show(c, subject, notice === 'preparing' ? 'waiting' : notice, { isReturn: true })
  })

  app.get('/:token/status', async (c) => {
    const token = c.req.param('token')
    const { subject } = isRobot(c.req.raw) ? await links.peek(token) : await links.returned(token)
    return subject ? c.text(wordOf(subject)) : c.text('unknown', 404)
  })
  /** The files of what is paid, which are only asked for when a person wants them. */
  app.get('/:token/invoice', async (c) => {
    const { subject } = await links.peek(c.req.param('token'))
    if (subject?.kind !== 'invoice' || subject.state !== 'paid') return c.html(unknown(c), 404)
    if (!isVisit(c.req.raw)) return show(c, subject, 'paid')
    const file = mayFetch.take(subject.key) && (await findFile(subject.key))
    if (file) return c.redirect(file, 302)
    const page = renderNotice({
      around: await around.of(c, { payerKey: subject.customer, ...subject }),
      notice: 'pdf_later',
      subject,
      payPath: undefined,
      againPath: `${around.basePath}${c.req.path.slice(c.req.path.indexOf('/pay/'))}`,
    })
    return c.html(page)
  })
  const findFile = (lagoInvoiceId: string) =>
    lago.findInvoiceFile(lagoInvoiceId).catch((error: unknown) => {
      log.warn({ error: messageOf(error) }, 'Lago gives no PDF')
      return undefined
    })

  app.get('/:token/receipt', async (c) => {
    const { subject } = await links.peek(c.req.param('token'))
    const { paid } = subject?.state === 'paid' ? await readOutcome({ db }, subject) : {}
    if (!subject || !paid) return c.html(unknown(c), 404)
    if (!isVisit(c.req.raw)) return show(c, subject, 'paid')
    const held = await accounts.of(paid.account)
    // An account that is not configured any more can be reached nowhere.
    if (!held) return c.html(unknown(c), 404)
    return c.redirect(receiptUrlOf(held, paid.dodoPaymentId), 302)
  })
  return app
}

const isOpen = ({ state }: Subject) => state === 'open' || state === 'failed'

/** Where it stands, in one word; `open` when it can be paid now. */
function wordOf(subject: Subject): string {
  if (subject.state === 'failed') return 'declined'
  if (subject.state === 'open' && subject.isPayable) return 'open'
  return noticeOf(subject)
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
