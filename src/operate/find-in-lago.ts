import type { Deps } from '../deps.ts'
import { ensureReceivable } from '../collect/load.ts'
import { messageOf } from '../errors.ts'
import { note } from '../collect/timeline.ts'
import { wake } from '../wakes.ts'
import type { Outcome } from './audit.ts'
import { waitForLook } from './look-again.ts'

type Finding = Pick<Deps, 'config' | 'db' | 'lago' | 'queue' | 'now'>

/** Asks Lago for an invoice that the ledger does not hold, by id or number, and takes it up if it is there. */
export async function findInLago(
  deps: Finding,
  idOrNumber: string,
  who: string,
): Promise<Outcome & { receivableId?: string }> {
  const { config, db, lago, now } = deps
  if (!config.lago.isOn) return { isDone: false, said: 'Lago is switched off' }
  const invoice =
    (await lago.findInvoice(idOrNumber)) ?? (await lago.findInvoiceByNumber(idOrNumber))
  if (!invoice) return { isDone: false, said: `Lago knows no invoice ${idOrNumber}` }
  const { lago_id: receivableId } = invoice
  const at = now()
  await ensureReceivable(deps, { receivableId })
  await note(db, receivableId, `looked up in Lago by ${who}`, at)
  await wake(deps, 'settle', [receivableId], 'operator')
  return { isDone: true, said: await waitForLook(deps, receivableId, at), receivableId }
}

/** The address of an invoice in Lago's own front end, which Lago tells since 1.51, and nobody else knows. */
export async function findPageInLago(
  { config, lago }: Pick<Finding, 'config' | 'lago'>,
  lagoInvoiceId: string,
): Promise<{ url: string } | { whyNot: string }> {
  if (!config.lago.isOn) return { whyNot: 'Lago is switched off.' }
  try {
    const invoice = await lago.findInvoice(lagoInvoiceId)
    if (!invoice) return { whyNot: 'Lago does not know this invoice.' }
    const url = URL.parse(invoice.web_url ?? '')
    if (url?.protocol === 'https:' || url?.protocol === 'http:') return { url: url.href }
    return { whyNot: 'This Lago does not say where its page is: it does so since 1.51.' }
  } catch (error) {
    return { whyNot: `Lago could not be asked: ${messageOf(error)}.` }
  }
}
