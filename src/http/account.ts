import { Hono, type Context } from 'hono'
import { bodyLimit } from 'hono/body-limit'

import type { Account } from '../collect/account.ts'
import { choose } from '../collect/selection.ts'
import {
  findAccount,
  readAccount,
  type AccountView,
  type OpenInvoice,
} from '../customer/account.ts'
import type { Notice } from '../customer/texts/texts.ts'
import { messageOf } from '../errors.ts'
import type { Deps } from '../deps.ts'
import { renderAccount, type Problem } from './customer/account.tsx'
import { renderNotice } from './customer/notice.tsx'
import type { Around } from './customer/surroundings.ts'
import { createBuckets } from './buckets.ts'
import { receiptUrlOf } from './dodo-pages.ts'
import type { PayLinks } from './pay-links.ts'
import { readReceivable } from '../collect/load.ts'
import { isVisit } from './visitor.ts'

/** A form of two hundred ticked invoices is far smaller. */
const MAX_FORM_BYTES = 64 * 1024
/** A person chooses, thinks better of it, and chooses again; a program must not fill the ledger. */
const CHOICES = { most: 10, everyMs: 30_000 }
const FILES = { most: 10, everyMs: 10_000 }

type AccountDeps = Pick<Deps, 'config' | 'db' | 'queue' | 'now' | 'lago' | 'log'> & {
  links: PayLinks
  around: Around
}

/**
 * All that a customer owes behind one link, which never dies: any of it, or all of one currency, paid at once. Looking
 * at it asks no service; a checkout is opened when somebody presses the button.
 */
export function account(deps: AccountDeps) {
  const { config, db, now, links, around, lago, log } = deps
  const mayChoose = createBuckets(CHOICES, now)
  const mayFetch = createBuckets(FILES, now)
  const app = new Hono()

  async function show(
    c: Context,
    found: Account,
    { problem, chosen }: { problem?: Problem; chosen?: readonly string[] } = {},
  ) {
    const view = await readAccount(db, found, now())
    const page = renderAccount({
      around: await around.of(c, view.billing),
      view,
      now: now(),
      isAutomatic: config.collection === 'automatic',
      problem,
      chosen,
    })
    return c.html(page, problem === undefined ? 200 : 422)
  }

  const unknown = (c: Context) =>
    c.html(renderNotice({ around: around.ofNobody(c), notice: 'unknown', payPath: undefined }), 404)

  async function tell(c: Context, found: Account, notice: Notice) {
    const page = renderNotice({
      around: await around.of(c, { payerKey: found.payerKey, billingEntity: null }),
      notice,
      payPath: undefined,
      againPath: c.req.path.startsWith(around.basePath)
        ? c.req.path
        : `${around.basePath}${c.req.path}`,
      accountPath: `${around.basePath}/account/${found.token}`,
    })
    return c.html(page)
  }

  app.get('/:token', async (c) => {
    const found = await findAccount(db, c.req.param('token'))
    return found ? show(c, found) : unknown(c)
  })

  const onError = async (c: Context) => {
    const found = await findAccount(db, c.req.param('token') ?? '')
    return found ? show(c, found, { problem: 'chooseOne', chosen: [] }) : unknown(c)
  }
  app.post('/:token/pay', bodyLimit({ maxSize: MAX_FORM_BYTES, onError }), async (c) => {
    const found = await findAccount(db, c.req.param('token'))
    if (!found) return unknown(c)
    const chosen = await readChosen(c.req.raw)
    if (!chosen || chosen.length === 0) return show(c, found, { problem: 'chooseOne', chosen: [] })
    const view = await readAccount(db, found, now())
    const invoices = view.open.filter((one) => chosen.includes(one.receivableId))
    const problem = findProblem(invoices, chosen)
    if (problem) return show(c, found, { problem, chosen })
    if (!mayChoose.take(found.payerKey)) return show(c, found, { problem: 'slowDown', chosen })
    const token = await tokenFor(found, invoices)
    const { url } = await links.open(token, { isAsked: true })
    return c.redirect(url ?? `${around.basePath}/pay/${token}`, 303)
  })

  /** One alone is paid by its own link, several by what they are chosen into. */
  async function tokenFor({ payerKey }: Account, invoices: OpenInvoice[]): Promise<string> {
    const [first, second] = invoices
    if (first && !second) return first.payToken
    const id = await choose(deps, {
      payerKey,
      currency: first?.currency ?? '',
      receivableIds: invoices.map(({ receivableId }) => receivableId),
    })
    return (await readReceivable(db, id)).payToken
  }

  /** A file of a paid invoice, which is only asked for when a person wants it. */
  app.get('/:token/invoice/:receivableId', async (c) => {
    const wanted = await findWanted(c, (view, id) =>
      view.paid.find(({ receivableId }) => receivableId === id),
    )
    if (wanted instanceof Response) return wanted
    const { found, invoice } = wanted
    const file = await lago.findInvoiceFile(invoice.receivableId).catch((error: unknown) => {
      log.warn({ error: messageOf(error) }, 'Lago gives no PDF')
      return undefined
    })
    return file ? c.redirect(file, 302) : tell(c, found, 'pdf_later')
  })

  app.get('/:token/receipt/:receivableId', async (c) => {
    const wanted = await findWanted(c, (view, id) =>
      view.paid.find(({ payment }) => payment?.dodoPaymentId === id),
    )
    if (wanted instanceof Response) return wanted
    const id = wanted.invoice.payment?.dodoPaymentId ?? ''
    // What Lago bills is collected into the deployment's own account alone.
    return c.redirect(receiptUrlOf(config.dodo, id), 302)
  })

  /** What of the account a file is asked of, or the answer where there is none to be had. */
  async function findWanted(
    c: Context,
    pick: (view: AccountView, id: string) => AccountView['paid'][number] | undefined,
  ) {
    const found = await findAccount(db, c.req.param('token') ?? '')
    if (!found) return unknown(c)
    const view = await readAccount(db, found, now())
    const invoice = pick(view, c.req.param('receivableId') ?? '')
    if (!invoice) return unknown(c)
    // Whoever only follows links is shown where a person would press.
    if (!isVisit(c.req.raw)) return show(c, found)
    if (!mayFetch.take(found.payerKey)) return tell(c, found, 'pdf_later')
    return { found, invoice }
  }

  return app
}

/** Whether something can be paid by now is decided when its checkout is opened. */
const isHindered = ({ hindrance }: OpenInvoice) =>
  hindrance !== undefined && hindrance !== 'preparing'

/** Why they cannot be paid together, though somebody chose them. */
function findProblem(invoices: OpenInvoice[], chosen: readonly string[]): Problem | undefined {
  const isGone = invoices.length !== new Set(chosen).size
  if (isGone || invoices.some(isHindered)) return 'changed'
  if (new Set(invoices.map(({ currency }) => currency)).size > 1) return 'changed'
  const [first, second] = invoices
  return first?.isTooSmall && !second ? 'tooSmallAlone' : undefined
}

/** The ids that a form ticked; undefined when it is none. */
async function readChosen(request: Request): Promise<string[] | undefined> {
  const type = request.headers.get('content-type') ?? ''
  if (!type.startsWith('application/x-www-form-urlencoded')) return undefined
  return new URLSearchParams(await request.text()).getAll('invoice')
}
