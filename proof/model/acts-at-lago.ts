import { dismiss } from '../../src/billers/lago/dismiss.ts'
import { ApiError, Later } from '../../src/errors.ts'
import { wake } from '../../src/wakes.ts'
import { ADMIN_TOKEN, type World } from '../../test/support/world.ts'
import type { Doing } from './acts.ts'
import { saleOfInvoice } from './places.ts'

const customerOf = ({ world, sale }: Doing) => world.lago.store.invoices.get(sale.id)?.customer

const noteOf = ({ world, sale }: Doing) =>
  world.lago.store.creditNotes.findLast(({ invoice }) => invoice.lago_id === sale.id)?.lago_id ?? ''

/** What happens in Lago, and what operators do. */
export const AT_LAGO = {
  'Lago finalises an invoice': ({ world, story }: Doing) =>
    void story.sales.push(saleOfInvoice(world.bill(5_000).lago_id)),
  'Lago bills the same customer again'(doing: Doing) {
    const customer = customerOf(doing)
    const { world, story } = doing
    if (customer) story.sales.push(saleOfInvoice(world.bill(5_000, { customer }).lago_id))
  },
  'the merchant issues a credit note': ({ world, sale, amount }: Doing) =>
    void world.lago.createCreditNote({ invoiceId: sale.id, refundAmountCents: amount }),
  'the merchant offsets a part of the invoice': ({ world, sale, amount }: Doing) =>
    void world.lago.createCreditNote({ invoiceId: sale.id, offsetAmountCents: amount }),
  'the merchant voids the invoice': ({ world, sale }: Doing) =>
    void world.lago.voidInvoice(sale.id),
  'the merchant records a payment by hand': ({ world, sale, amount }: Doing) =>
    void world.lago.recordManualPayment(sale.id, { amountCents: amount, reference: 'cheque' }),
  'the merchant presses retry': ({ world, sale }: Doing) => void world.lago.pressRetry(sale.id),
  'the merchant voids the last credit note': (doing: Doing) =>
    void doing.world.lago.voidCreditNote(noteOf(doing)),
  'the merchant changes the customer'(doing: Doing) {
    const { external_id: externalId } = customerOf(doing) ?? {}
    if (externalId) doing.world.lago.updateCustomer(externalId, { name: 'Blue Fern & Daughters' })
  },
  'Lago asks for all that is overdue'(doing: Doing) {
    const { world, story } = doing
    for (const { id } of story.sales) world.lago.markOverdue(id)
    const { external_id: externalId } = customerOf(doing) ?? {}
    if (externalId) world.lago.dunCustomer(externalId)
  },
  'an operator wants it looked at': ({ world, sale }: Doing) =>
    wake(world.bridge.deps, 'settle', [sale.id], 'operator'),
  async 'an operator puts the reason aside'({ world, sale }: Doing) {
    await dismiss(world.bridge.deps, sale.id, { isUndo: false, write: () => undefined })
  },
  async 'an operator replays all deliveries'({ world }: Doing) {
    await world.get('/api/deliveries/replay', {
      method: 'POST',
      headers: { Authorization: `Bearer ${ADMIN_TOKEN}`, 'Content-Type': 'application/json' },
      body: JSON.stringify({ since: '1h' }),
    })
  },
  'a sweep runs': ({ world }: Doing) => sweep(world),
}

/** What a sweep cannot read now, the next one reads. */
export async function sweep(world: World) {
  await world.sweep().catch((error: unknown) => {
    if (!(error instanceof ApiError || error instanceof Later)) throw error
  })
}
