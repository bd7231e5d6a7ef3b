import type { Report, World } from './world.ts'

export type Customer = ReturnType<World['addCustomer']>

const isPaid = ({ state }: Report) => state === 'paid'

/** Charges that the bridge asked Dodo for. */
export const chargesSent = (world: World) => world.sent('POST', /^\/subscriptions\/[^/]+\/charge$/)

/** Waits until the bridge holds the customer's newest mandate as it should be. */
export async function mandateOf(world: World, { external_id }: Customer, status = 'active') {
  for (let look = 0; ; look += 1) {
    const report = await world.customerReport(external_id)
    const newest = report?.mandates.at(-1)
    if (newest?.status === status) return newest.dodoSubscriptionId
    if (look > 100) throw new Error(`no mandate is ${status}: ${JSON.stringify(report)}`)
    await Bun.sleep(40)
  }
}

/** A customer who paid a first invoice, and so saved a card. */
export async function withMandate(world: World, input: Parameters<World['addCustomer']>[0] = {}) {
  const customer = world.addCustomer(input)
  const invoice = world.bill(5_000, { customer })
  const { report } = await world.openCheckout(invoice.lago_id)
  world.dodo.pay(await world.follow(report.payUrl))
  await world.eventually(invoice.lago_id, isPaid)
  return { customer, invoice, mandate: await mandateOf(world, customer) }
}
