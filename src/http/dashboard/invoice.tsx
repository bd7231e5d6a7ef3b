/** @jsxImportSource hono/jsx */
import { eq } from 'drizzle-orm'
import { Hono } from 'hono'

import { receivables } from '../../db/schema.ts'
import { isMailOn } from '../../mail/plan.ts'
import { audited } from '../../operate/audit.ts'
import { findInLago, findPageInLago } from '../../operate/find-in-lago.ts'
import { describeInvoice, type InvoiceReport } from '../../report/invoice.ts'
import { requestOf } from './acting.ts'
import { Confirm } from './confirm.tsx'
import { readForm } from './form.ts'
import { actionNamed, INVOICE_ACTIONS } from './invoice-actions.ts'
import { HeldMoneyTable } from './held-money.tsx'
import { InvoiceHistory } from './invoice-history.tsx'
import { InvoiceMoney } from './invoice-money.tsx'
import { InvoiceSides } from './invoice-sides.tsx'
import { readStanding, readView, type InvoiceView } from './invoice-view.ts'
import { Mails } from './mails.tsx'
import { Act, Copy, Link, State } from './kit.tsx'
import { inPath } from './query.ts'
import { pathOfReceivable } from './receivable-link.tsx'
import {
  showNothing,
  type DashboardContext,
  type DashboardDeps,
  type Env,
  type Show,
} from './show.tsx'
import { forPeople } from './words.ts'

type Deps = DashboardDeps

/** One invoice: both services' view of it side by side, what happened, what comes next, and what may be done. */
export function invoicePages(show: Show, deps: Deps) {
  const { db, config, now } = deps
  const find = (c: DashboardContext) =>
    describeInvoice(db, config.publicUrl, c.req.param('id') ?? '')

  return new Hono<Env>()
    .get('/:id', async (c) => {
      const invoice = await find(c)
      if (!invoice) return (await leadOn(show, c, db)) ?? showUnknown(show, c)
      const view = await readView(deps, invoice)
      return show(
        c,
        {
          title: `${nameOf(invoice)} · ${invoice.state}`,
          section: 'Invoices',
        },
        <InvoicePage view={view} config={config} />,
      )
    })
    .post('/:id/find', async (c) => {
      const idOrNumber = c.req.param('id')
      const request = await requestOf(c, 'look in Lago', `invoice ${idOrNumber}`)
      let foundId = idOrNumber
      await audited(deps, request, async () => {
        const outcome = await findInLago(deps, idOrNumber, request.who)
        foundId = outcome.receivableId ?? foundId
        return outcome
      })
      return c.redirect(`${pathOf(show, foundId)}?done=${request.formId}`, 303)
    })
    .get('/:id/lago', async (c) => {
      const page = await findPageInLago(deps, c.req.param('id'))
      if ('url' in page) return c.redirect(page.url, 302)
      return show(
        c,
        { title: 'Open in Lago', section: 'Invoices', status: 404 },
        <div class="intro">
          <h1>Not to be opened from here</h1>
          <p>{page.whyNot}</p>
          <p>
            <Link to={`/invoices/${inPath(c.req.param('id'))}`}>Back to the invoice</Link>
          </p>
        </div>,
      )
    })
    .get('/:id/:action', async (c) => {
      const invoice = await find(c)
      const action = actionNamed(c.req.param('action'))
      if (!invoice || !action?.confirm) return showNothing(show, c)
      const standing = await readStanding(deps, invoice)
      const whyNot = action.whyNot(standing)
      return show(
        c,
        { title: action.label, section: 'Invoices' },
        <Confirm
          to={`/invoices/${inPath(invoice.lagoInvoiceId)}/${c.req.param('action')}`}
          back={`/invoices/${inPath(invoice.lagoInvoiceId)}`}
          {...action.confirm(standing, config)}
          whyNot={whyNot}
          asks={action.asks}
        />,
      )
    })
    .post('/:id/:action', async (c) => {
      const invoice = await find(c)
      const name = c.req.param('action')
      const action = actionNamed(name)
      if (!invoice || !action) return showNothing(show, c)
      const request = await requestOf(c, name, `invoice ${invoice.lagoInvoiceId}`)
      await audited({ ...deps, now }, request, async () => {
        const whyNot = action.whyNot(await readStanding(deps, invoice))
        const { [action.asks?.name ?? '']: answer } = await readForm(c)
        const who = { who: request.who, answer: answer?.trim() || undefined }
        return whyNot ? { isDone: false, said: whyNot } : action.run(deps, invoice, who)
      })
      return c.redirect(`${pathOf(show, invoice.lagoInvoiceId)}?done=${request.formId}`, 303)
    })
}

const pathOf = (show: Show, id: string) => `${show.basePath}/dashboard/invoices/${inPath(id)}`
const nameOf = ({ number, lagoInvoiceId }: InvoiceReport) => number ?? lagoInvoiceId

function InvoicePage({ view, config }: { view: InvoiceView; config: Deps['config'] }) {
  const { invoice, standing, next } = view
  const offered = Object.entries(INVOICE_ACTIONS).filter(([, { whyNot }]) => !whyNot(standing))
  const at = `/invoices/${inPath(invoice.lagoInvoiceId)}`
  return (
    <>
      <div class="intro">
        <div class="title">
          <h1>{nameOf(invoice)}</h1>
          <State is={invoice.state} />
        </div>
        <p>{forPeople(invoice.reason)}</p>
        <p class="soft">
          <strong>Next:</strong> {forPeople(next)}
        </p>
      </div>
      <div class="buttons noprint">
        <Link to={`${at}/lago`} class="button">
          Open in Lago ↗
        </Link>
        {offered.map(([name, action]) =>
          action.confirm ? (
            <Link to={`${at}/${name}`} class="button">
              {action.label}
            </Link>
          ) : (
            <Act to={`${at}/${name}`} label={action.label} />
          ),
        )}
      </div>
      <InvoiceSides view={view} environment={config.dodo.environment} />
      <HeldMoneyTable of={view.held} name={nameOf(invoice)} />
      <InvoiceMoney invoice={invoice} />
      <Mails mails={view.mails} isOn={isMailOn(config.mail)} />
      <InvoiceHistory view={view} />
    </>
  )
}

/** Whoever is told of something that wants a person is sent here, whatever it is: an order has a page of its own. */
async function leadOn(show: Show, c: DashboardContext, db: Deps['db']) {
  const id = c.req.param('id') ?? ''
  const [other] = await db
    .select({ kind: receivables.kind })
    .from(receivables)
    .where(eq(receivables.receivableId, id))
  return other && c.redirect(`${show.basePath}/dashboard${pathOfReceivable(other.kind, id)}`, 302)
}

const showUnknown = (show: Show, c: DashboardContext) => {
  const id = c.req.param('id') ?? ''
  return show(
    c,
    { title: 'Unknown invoice', section: 'Invoices', status: 404 },
    <div class="intro">
      <h1>The bridge does not know this invoice</h1>
      <p>
        <code>{id}</code> <Copy text={id} what="the id" />
      </p>
      <p>It may be in Lago all the same: its webhook was lost, or it is of another organisation.</p>
      <div class="buttons">
        <Act to={`/invoices/${inPath(id)}/find`} label="Look in Lago" main />
      </div>
    </div>,
  )
}
