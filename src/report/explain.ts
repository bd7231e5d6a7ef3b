import type { Deps } from '../deps.ts'
import { foretell } from '../billers/lago/foretell.ts'
import { formatBooks } from '../collect/money.ts'
import { describeRelease } from '../lago/release.ts'
import { describeBundle } from './bundle.ts'
import { describeCustomer } from './customer.ts'
import { explainBundle, explainCustomer } from './explain-others.ts'
import { explainInvoice } from './explain-invoice.ts'
import { findByDodoId, isDodoId } from './find-dodo.ts'
import { describeInvoice } from './invoice.ts'
import { describeNext } from './next.ts'
import type { Write } from './text.ts'

type Explaining = Pick<Deps, 'db' | 'dodo' | 'lago' | 'config' | 'now'>

/**
 * Tells everything that happened to one invoice and why, and what happens next; also where a payment request
 * or a customer's cards stand, and what an id of Dodo is about. The exit code is returned.
 */
export async function explain(deps: Explaining, idOrNumber: string, write: Write): Promise<number> {
  const { db, config } = deps
  if (await tellInvoice(deps, idOrNumber, write)) return 0
  const bundle = await describeBundle(db, config.publicUrl, idOrNumber)
  const customer = bundle ? undefined : await describeCustomer(db, config.publicUrl, idOrNumber)
  if (!bundle && !customer) {
    const explainOther = isDodoId(idOrNumber) ? explainOfDodo : explainUnknown
    return explainOther(deps, idOrNumber, write)
  }
  const lines = bundle ? explainBundle(bundle) : customer ? explainCustomer(customer, config) : []
  for (const line of lines) write(line)
  return 0
}

async function tellInvoice(deps: Explaining, idOrNumber: string, write: Write) {
  const { db, config } = deps
  const invoice = await describeInvoice(db, config.publicUrl, idOrNumber)
  if (!invoice) return false
  const next = describeNext(invoice, config, await foretell(deps, invoice.lagoInvoiceId))
  for (const line of [...explainInvoice(invoice), '', `Next: ${next}`]) write(line)
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
  await lago.release.known()
  const lacking = describeRelease(lago.release, config.lago.signature)
  if (lacking.length === 0) return
  for (const line of ['', 'Off with this Lago', ...lacking.map((what) => `  ${what}`)]) write(line)
}

async function explainUnknown({ lago }: Explaining, idOrNumber: string, write: Write) {
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
