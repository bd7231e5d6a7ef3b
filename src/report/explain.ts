import type { Deps } from '../deps.ts'
import { foretell, foretellRequest } from '../billers/lago/foretell.ts'
import { formatBooks } from '../collect/money.ts'
import { describeRelease } from '../lago/release.ts'
import { readDeliveriesOf } from './dashboard/invoice-extras.ts'
import { describeRequest } from './payment-request.ts'
import { describeCustomer } from './customer.ts'
import { explainCustomer, explainRequest } from './explain-others.ts'
import { explainLocation } from './explain-location.ts'
import { explainOrders } from './explain-order.ts'
import { explainInvoice } from './explain-invoice.ts'
import { findByDodoId, isDodoId } from './find-dodo.ts'
import { describeInvoice } from './invoice.ts'
import { describeNext } from './next.ts'
import { describeNextOfRequest } from './next-of-request.ts'
import type { Write } from '../print/text.ts'

type Explaining = Pick<Deps, 'db' | 'dodo' | 'lago' | 'config' | 'now'>

/**
 * Tells everything that happened to one invoice and why, and what happens next; also where a payment request
 * or a customer's cards stand, and what an id of Dodo is about. The exit code is returned.
 */
export async function explain(
  deps: Explaining,
  idOrNumber: string,
  write: Write,
  { source }: { source?: string | undefined } = {},
): Promise<number> {
  const isOrdersToo = source !== 'lago' && (deps.config.openfront ?? deps.config.highlevel)
  if (isOrdersToo && (await explainOrders(deps, idOrNumber, { source, write }))) return 0
  const ofLocation =
    isOrdersToo && deps.config.highlevel && source !== 'openfront'
      ? await explainLocation(deps.db, idOrNumber)
      : undefined
  if (ofLocation) {
    for (const line of ofLocation) write(line)
    return 0
  }
  if (source !== undefined && source !== 'lago') {
    write(`The bridge knows no order ${idOrNumber} of ${source}.`)
    return 1
  }
  if (await tellInvoice(deps, idOrNumber, write)) return 0
  const lines = (await tellRequest(deps, idOrNumber)) ?? (await tellCustomer(deps, idOrNumber))
  if (!lines) {
    const explainOther = isDodoId(idOrNumber) ? explainOfDodo : explainUnknown
    return explainOther(deps, idOrNumber, write)
  }
  for (const line of lines) write(line)
  return 0
}

async function tellRequest(deps: Explaining, id: string): Promise<string[] | undefined> {
  const request = await describeRequest(deps.db, deps.config.publicUrl, id)
  return (
    request &&
    explainRequest(request, describeNextOfRequest(request, await foretellRequest(deps, id)))
  )
}

async function tellCustomer({ db, config }: Explaining, id: string): Promise<string[] | undefined> {
  const customer = await describeCustomer(db, config.publicUrl, id)
  return customer && explainCustomer(customer, config)
}

async function tellInvoice(deps: Explaining, idOrNumber: string, write: Write) {
  const { db, config } = deps
  const invoice = await describeInvoice(db, config.publicUrl, idOrNumber)
  if (!invoice) return false
  if (config.lago.isOn) await deps.lago.release.known()
  const next = describeNext(invoice, config, await foretell(deps, invoice.lagoInvoiceId))
  const told = await readDeliveriesOf(db, invoice)
  for (const line of [...explainInvoice(invoice, told), '', `Next: ${next}`]) write(line)
  await explainRelease(deps, write)
  return true
}

/** What Dodo's reports name by its own ids is told with each of the invoices that it is about. */
async function explainOfDodo(deps: Explaining, id: string, write: Write): Promise<number> {
  const found = await findByDodoId(deps, id)
  if (!found) {
    write(`Neither the bridge nor Dodo knows ${id}.`)
    return 1
  }
  write(found.what)
  for (const lagoInvoiceId of found.lagoInvoiceIds) {
    write('')
    await tellInvoice(deps, lagoInvoiceId, write)
  }
  return 0
}

/** What is switched off because this Lago does not have it. */
async function explainRelease({ lago, config }: Explaining, write: Write) {
  if (!config.lago.isOn) return
  await lago.release.known()
  const lacking = describeRelease(lago.release, config.lago.signature)
  if (lacking.length === 0) return
  for (const line of ['', 'Off with this Lago', ...lacking.map((what) => `  ${what}`)]) write(line)
}

async function explainUnknown({ lago, config }: Explaining, idOrNumber: string, write: Write) {
  if (!config.lago.isOn) {
    write(`The bridge does not know ${idOrNumber}.`)
    return 1
  }
  const invoice =
    (await lago.findInvoice(idOrNumber)) ?? (await lago.findInvoiceByNumber(idOrNumber))
  if (!invoice) {
    write(`Neither the bridge nor Lago knows an invoice ${idOrNumber}.`)
    return 1
  }
  const { number, lago_id, status, payment_status, currency, total_due_amount_cents } = invoice
  const due = formatBooks(total_due_amount_cents, currency)
  write(`Lago has invoice ${number} (${lago_id}): ${status}, ${payment_status}, ${due} due.`)
  write('The bridge has not seen it yet; run `bridge reconcile`.')
  return 0
}
