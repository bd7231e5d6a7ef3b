import { Hono, type Context } from 'hono'

import { foretell } from '../../billers/lago/foretell.ts'
import { askForMoney } from '../../billers/lago/retry.ts'
import type { Deps } from '../../deps.ts'
import type { Inspect } from '../../doctor/inspect.ts'
import { describeMail, listMails } from '../../mail/mails.ts'
import { giveBackPayment } from '../../operate/held-money.ts'
import { lookAtInvoice, waitForLook } from '../../operate/look-again.ts'
import { renewSetupLink } from '../../operate/new-link.ts'
import { markSeen } from '../../operate/seen.ts'
import { whyNotCollect } from '../../operate/why-not-collect.ts'
import { describeCustomer } from '../../report/customer.ts'
import { listAttention } from '../../report/dashboard/attention.ts'
import { listCustomers } from '../../report/dashboard/customers.ts'
import { listDisputes } from '../../report/dashboard/disputes.ts'
import { readDeliveriesOf } from '../../report/dashboard/invoice-extras.ts'
import type { Listing } from '../../db/cursor.ts'
import { listInvoices } from '../../report/dashboard/list-invoices.ts'
import { listRefunds } from '../../report/dashboard/refunds.ts'
import { describeInvoice, type InvoiceReport } from '../../report/invoice.ts'
import { describeNext } from '../../report/next.ts'
import type { Visit } from '../admin.ts'
import { act } from './acting.ts'
import { limitBody, read, readJson } from './reading.ts'
import * as shapes from './shapes.ts'
import { statementApi } from './statement-api.ts'

export type ApiDeps = Pick<
  Deps,
  | 'accounts'
  | 'config'
  | 'db'
  | 'queue'
  | 'lago'
  | 'dodo'
  | 'log'
  | 'now'
  | 'organizationId'
  | 'sources'
> & {
  /** The checks of `doctor`, from inside. */
  inspect: Inspect
}

const UNKNOWN_INVOICE = { error: 'the bridge knows no such invoice' }
const UNKNOWN_CUSTOMER = { error: 'the bridge knows no such customer' }
const DOCS = 'docs/operations.md#doctor'

/** What operators look at and do, for programs. Each route is described in `describe.ts`, and a test compares them. */
export function operatorApi(deps: ApiDeps) {
  const { db } = deps
  return new Hono<Visit>()
    .use(limitBody)
    .route('/', invoicesApi(deps))
    .route('/', customersApi(deps))
    .get('/attention', async (c) => {
      const { reason: code, ...paging } = read(shapes.AttentionQuery, c.req.query())
      return answerPage(c, await listAttention(db, { code, ...paging }))
    })
    .get('/refunds', async (c) => {
      const { status, ...paging } = read(shapes.RefundQuery, c.req.query())
      return answerPage(c, await listRefunds(db, { status }, paging))
    })
    .get('/disputes', async (c) =>
      c.json({
        items: await listDisputes(db, read(shapes.DisputeQuery, c.req.query())),
        next: null,
      }),
    )
    .post('/payments/:dodoPaymentId/refund', async (c) => {
      const { dodoPaymentId } = c.req.param()
      const known = await db.query.recordings.findFirst({
        where: (one, { eq: is }) => is(one.dodoPaymentId, dodoPaymentId),
      })
      if (!known) return c.json({ error: 'the bridge knows no such payment' }, 404)
      const subject = `payment ${dodoPaymentId}`
      return act(deps, c, { action: 'give back', subject }, () =>
        giveBackPayment(deps, dodoPaymentId, 'the API'),
      )
    })
    .route('/statement', statementApi(deps))
    .get('/health', async (c) => {
      const { checks } = await deps.inspect()
      return c.json(
        checks.map(({ id, verdict, evidence, fix = null }) => {
          return { id, verdict, evidence, fix, docs: DOCS }
        }),
      )
    })
}

function invoicesApi(deps: ApiDeps) {
  const { config, db, now } = deps
  const find = (c: Context) => describeInvoice(db, config.publicUrl, c.req.param('id') ?? '')
  return new Hono<Visit>()
    .get('/invoices', async (c) => {
      const { q: text, ...asked } = read(shapes.InvoiceQuery, c.req.query())
      const { limit, before, ...filter } = asked
      return answerPage(c, await listInvoices(db, { ...filter, text }, { limit, before }))
    })
    .get('/invoices/:id', async (c) => {
      const invoice = await find(c)
      return invoice ? c.json(await inFull(deps, invoice)) : c.json(UNKNOWN_INVOICE, 404)
    })
    .post('/invoices/:id/look', async (c) => {
      const invoice = await find(c)
      if (!invoice) return c.json(UNKNOWN_INVOICE, 404)
      const { lagoInvoiceId } = invoice
      return act(deps, c, { action: 'look', subject: `invoice ${lagoInvoiceId}` }, () =>
        lookAtInvoice(deps, lagoInvoiceId, 'the API'),
      )
    })
    .post('/invoices/:id/collect', async (c) => {
      const invoice = await find(c)
      if (!invoice) return c.json(UNKNOWN_INVOICE, 404)
      const { lagoInvoiceId } = invoice
      return act(deps, c, { action: 'collect', subject: `invoice ${lagoInvoiceId}` }, async () => {
        const at = now()
        const whyNot =
          whyNotCollect({ invoice, now: at }) ?? (await askForMoney(deps, lagoInvoiceId, 'the API'))
        if (whyNot) return { isDone: false, said: whyNot }
        return { isDone: true, said: await waitForLook(deps, lagoInvoiceId, at) }
      })
    })
    .post('/invoices/:id/seen', async (c) => {
      const { note } = read(shapes.SeenBody, await readJson(c))
      const invoice = await find(c)
      if (!invoice) return c.json(UNKNOWN_INVOICE, 404)
      const { lagoInvoiceId } = invoice
      return act(deps, c, { action: 'seen', subject: `invoice ${lagoInvoiceId}` }, () =>
        markSeen(deps, lagoInvoiceId, { who: 'the API', note }),
      )
    })
}

function customersApi(deps: ApiDeps) {
  const { config, db } = deps
  return new Hono<Visit>()
    .get('/customers', async (c) => {
      const { q: text, ...paging } = read(shapes.CustomerQuery, c.req.query())
      return answerPage(c, await listCustomers(db, { text, ...paging }))
    })
    .get('/customers/:id', async (c) => {
      const id = c.req.param('id')
      const customer = await describeCustomer(db, config.publicUrl, id)
      if (!customer) return c.json(UNKNOWN_CUSTOMER, 404)
      const mails = await listMails(db, { payerKey: id })
      return c.json({ ...customer, mails: mails.map(describeMail) })
    })
    .post('/customers/:id/links', async (c) => {
      const id = c.req.param('id')
      if (!(await describeCustomer(db, config.publicUrl, id))) return c.json(UNKNOWN_CUSTOMER, 404)
      const done = await act(deps, c, { action: 'new link', subject: `customer ${id}` }, () =>
        renewSetupLink(deps, id),
      )
      if (done.status !== 202) return done
      return c.json(await describeCustomer(db, config.publicUrl, id), 202)
    })
}

/** What the page of an invoice shows beside its report. */
async function inFull({ config, db, lago, now }: ApiDeps, invoice: InvoiceReport) {
  const { lagoInvoiceId, paymentRequests } = invoice
  const [deliveries, mails, step] = await Promise.all([
    readDeliveriesOf(db, invoice),
    listMails(db, {
      subjects: [lagoInvoiceId, ...paymentRequests.map((one) => one.lagoPaymentRequestId)],
    }),
    foretell({ config, db, lago, now }, lagoInvoiceId),
  ])
  return {
    ...invoice,
    next: describeNext(invoice, config, step),
    deliveries,
    mails: mails.map(describeMail),
  }
}

const answerPage = <Item>(c: Context, { items, next }: Listing<Item>) =>
  c.json({ items, next: next ?? null })
