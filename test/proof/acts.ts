import * as fc from 'fast-check'

import type { World } from '../support/world.ts'

/** What somebody does: by name, so that a failure reads as a story, and on which of the invoices. */
export type Act = { name: ActName; invoice: number; amount: number }
type ActName = keyof typeof ACTS
type Doing = { world: World; invoiceId: string; amount: number; bill: () => void }

/** What customers, merchants, both services and the network do. What is impossible is refused, as in life. */
const ACTS = {
  'Lago finalises an invoice': ({ bill }: Doing) => bill(),
  'the customer pays': ({ world, invoiceId }: Doing) =>
    void world.dodo.pay(newest(world, invoiceId)),
  'the customer pays in an older tab': ({ world, invoiceId }: Doing) =>
    void world.dodo.pay(sessionsOf(world, invoiceId)[0] ?? ''),
  'the card is declined': ({ world, invoiceId }: Doing) =>
    void world.dodo.decline(newest(world, invoiceId), 'INSUFFICIENT_FUNDS'),
  'the merchant refunds in Dodo': ({ world, invoiceId, amount }: Doing) =>
    void world.dodo.refund(paymentOf(world, invoiceId), amount),
  'the merchant issues a credit note': ({ world, invoiceId, amount }: Doing) =>
    void world.lago.createCreditNote({ invoiceId, refundAmountCents: amount }),
  'the merchant voids the invoice': ({ world, invoiceId }: Doing) =>
    void world.lago.voidInvoice(invoiceId),
  'the merchant records a payment by hand': ({ world, invoiceId, amount }: Doing) =>
    void world.lago.recordManualPayment(invoiceId, { amountCents: amount, reference: 'cheque' }),
  'the merchant presses retry': ({ world, invoiceId }: Doing) =>
    void world.lago.pressRetry(invoiceId),
  'Dodo loses its next answer': ({ world }: Doing) =>
    world.dodo.faults.add({ kind: 'after_drop', match: { method: 'POST' }, times: 1 }),
  'Lago loses its next answer': ({ world }: Doing) =>
    world.lago.faults.add({ kind: 'after_drop', match: { method: 'POST' }, times: 1 }),
  'Dodo answers 500': ({ world }: Doing) =>
    world.dodo.faults.add({ kind: 'status', status: 500, times: 1 }),
  'Lago answers 429': ({ world }: Doing) =>
    world.lago.faults.add({ kind: 'status', status: 429, times: 1 }),
  'webhooks are lost from now on': ({ world }: Doing) => turn(world, 'lose'),
  'webhooks are doubled from now on': ({ world }: Doing) => turn(world, 'double'),
  'webhooks overtake each other from now on': ({ world }: Doing) => turn(world, 'reorder'),
  'webhooks arrive again': ({ world }: Doing) => heal(world),
  'a sweep runs': async ({ world }: Doing) => void (await world.sweep()),
  'all comes to rest': ({ world }: Doing) => world.quiet(),
}

const names = Object.keys(ACTS) as ActName[]

export const anyAct: fc.Arbitrary<Act> = fc.record({
  // Without rest and customers who pay there is little that could go wrong.
  name: fc.oneof(
    { weight: 2, arbitrary: fc.constantFrom(...names) },
    {
      weight: 1,
      arbitrary: fc.constantFrom<ActName>('the customer pays', 'all comes to rest'),
    },
  ),
  invoice: fc.nat({ max: 1 }),
  amount: fc.constantFrom(1, 700, 5_000),
})

/** Does one act; whether the services allowed it. */
export async function perform(world: World, invoices: string[], act: Act): Promise<boolean> {
  const invoiceId = invoices[act.invoice] ?? invoices[0] ?? ''
  const bill = () => void invoices.push(world.bill(5_000).lago_id)
  try {
    await ACTS[act.name]({ world, invoiceId, amount: act.amount, bill })
    return true
  } catch (error) {
    // Both sandboxes refuse with an error that has a status; anything else is a fault of the test.
    if (error instanceof Error && 'status' in error) return false
    throw error
  }
}

/** The network and both services are well again. */
export function heal({ lago, dodo }: World) {
  for (const { courier } of [lago, dodo])
    Object.assign(courier.switches, { lose: false, double: false, reorder: false })
}

function turn({ lago, dodo }: World, what: 'lose' | 'double' | 'reorder') {
  for (const { courier } of [lago, dodo]) courier.switches[what] = true
}

const sessionsOf = ({ dodo }: World, invoiceId: string) =>
  [...dodo.store.sessions.values()]
    .filter(({ request }) => request.metadata?.['lago_invoice_id'] === invoiceId)
    .map(({ sessionId }) => sessionId)

const newest = (world: World, invoiceId: string) => sessionsOf(world, invoiceId).at(-1) ?? ''

const paymentOf = ({ dodo }: World, invoiceId: string) =>
  [...dodo.store.payments.values()].findLast(
    ({ metadata }) => metadata['lago_invoice_id'] === invoiceId,
  )?.payment_id ?? ''
