import { foretell } from '../../billers/lago/foretell.ts'
import { findHeldMoney } from '../../operate/held-money.ts'
import type { Deps } from '../../deps.ts'
import {
  readDeliveriesOf,
  readLagoView,
  readPutAside,
} from '../../report/dashboard/invoice-extras.ts'
import { listMails } from '../../mail/mails.ts'
import type { InvoiceReport } from '../../report/invoice.ts'
import { describeNext } from '../../report/next.ts'
import type { Standing } from './invoice-actions.ts'

type Viewing = Pick<Deps, 'config' | 'db' | 'lago' | 'now'>
export type InvoiceView = Awaited<ReturnType<typeof readView>>

/** What decides which buttons an invoice has. */
export async function readStanding(
  { db, now }: Viewing,
  invoice: InvoiceReport,
): Promise<Standing> {
  const putAside = await readPutAside(db, invoice.lagoInvoiceId)
  return { invoice, isAnythingPutAside: putAside.length > 0, now: now() }
}

/** Everything that the page of one invoice shows. */
export async function readView(deps: Viewing, invoice: InvoiceReport) {
  const { lagoInvoiceId } = invoice
  const [lago, deliveries, standing, held, mails] = await Promise.all([
    readLagoView(deps.db, lagoInvoiceId),
    readDeliveriesOf(deps.db, invoice),
    readStanding(deps, invoice),
    findHeldMoney(deps.db, lagoInvoiceId),
    listMails(deps.db, { subjects: [lagoInvoiceId] }),
  ])
  const next = describeNext(invoice, deps.config, await foretell(deps, lagoInvoiceId))
  return { invoice, lago, deliveries, standing, held, mails, next }
}
