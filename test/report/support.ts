import { explain } from '../../src/report/explain.ts'
import { readPeriod } from '../../src/report/period.ts'
import { statement } from '../../src/report/statement.ts'
import { openWorld, type Report, type World } from '../support/world.ts'

/** Runs with a world of its own, so that the statement holds nothing else. */
export async function inWorld(
  options: Parameters<typeof openWorld>[0],
  run: (world: World) => Promise<void>,
) {
  const world = await openWorld({ unproven: 'what is spoilt is to be found', ...options })
  try {
    await run(world)
  } finally {
    await world.close()
  }
}

/** The statement of the last thirty days. */
export async function stated({ bridge: { deps } }: World, isCsv = false) {
  const lines: string[] = []
  const period = readPeriod({}, deps.now())
  const exitCode = await statement(deps, { period, isCsv }, (line) => lines.push(line))
  return { exitCode, text: lines.join('\n'), lines }
}

/** What `bridge explain` says. */
export async function explained({ bridge: { deps } }: World, what: string) {
  const lines: string[] = []
  const exitCode = await explain(deps, what, (line) => lines.push(line))
  return { exitCode, text: lines.join('\n') }
}

export const isPaid = ({ state }: Report) => state === 'paid'

/** An invoice that is paid through its checkout. */
export async function collect(world: World, ...bill: Parameters<World['bill']>) {
  const invoice = world.bill(...bill)
  const { sessionId } = await world.openCheckout(invoice.lago_id)
  const payment = world.dodo.pay(sessionId)
  await world.eventually(invoice.lago_id, isPaid)
  return { invoice, payment, sessionId }
}

/** Three overdue invoices that Lago asks for together, with the checkout that pays them. */
export async function openBundle(world: World, amounts: readonly number[]) {
  const customer = world.addCustomer()
  const invoices = amounts.map((amount) => world.bill(amount, { customer }))
  for (const { lago_id } of invoices) {
    await world.openCheckout(lago_id)
    world.lago.markOverdue(lago_id)
  }
  const request = world.lago.requestPayment({
    externalCustomerId: customer.external_id,
    invoiceIds: invoices.map(({ lago_id }) => lago_id),
  })
  await world.quiet()
  const sessionId = [...world.dodo.store.sessions.keys()].at(-1) ?? ''
  const [first, second, third] = invoices
  if (!first || !second || !third) throw new Error('a bundle of three')
  return { request, invoices: [first, second, third] as const, sessionId }
}

/** Waits until the bridge has given money back; the sweep makes up for answers that overtook each other. */
export async function givenBack(world: World) {
  for (let looks = 0; looks < 200; looks += 1) {
    const made = [...world.dodo.store.refunds.values()]
    if (made.some(({ status }) => status === 'succeeded')) break
    await Bun.sleep(20)
  }
  await world.quiet()
  await world.sweep()
  await world.quiet()
}
