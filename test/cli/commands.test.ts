import { afterAll, beforeAll, describe, expect, test } from 'bun:test'

import { explain } from '../../src/report/explain.ts'
import { listAttention } from '../../src/report/attention.ts'
import { links } from '../../src/report/links.ts'
import { reconcile } from '../../src/report/reconcile.ts'
import { status } from '../../src/report/status.ts'
import { tail } from '../../src/report/tail.ts'
import { openWorld, type World } from '../support/world.ts'

let world: World
beforeAll(async () => {
  world = await openWorld()
})
afterAll(() => world.close())

const told = async (command: (write: (line: string) => void) => Promise<number>) => {
  const lines: string[] = []
  const exitCode = await command((line) => lines.push(line))
  return { exitCode, text: lines.join('\n') }
}
const explained = (idOrNumber: string) =>
  told((write) => explain(world.bridge.deps, idOrNumber, write))
const reconciled = (isDryRun: boolean) =>
  told((write) => reconcile(world.bridge, { isDryRun }, { write, progress: () => undefined }))

describe('explain', () => {
  test('an invoice is told from its checkout to its credit note, by number or by id', async () => {
    const invoice = world.bill(10_000)
    const { sessionId } = await world.openCheckout(invoice.lago_id)
    const { payment_id } = world.dodo.pay(sessionId)
    await world.eventually(invoice.lago_id, (report) => report.state === 'paid')
    const { refund_id } = world.dodo.refund(payment_id, 2_500)
    await world.eventually(invoice.lago_id, ({ refunds }) => !!refunds[0]?.lagoCreditNoteId)

    const { exitCode, text } = await explained(invoice.number)

    expect(exitCode).toBe(0)
    expect(text).toContain(`Invoice ${invoice.number}`)
    expect(text).toContain(sessionId)
    expect(text).toMatch(new RegExp(`${payment_id} +succeeded +100\\.00 USD +applied`))
    expect(text).toMatch(new RegExp(`${refund_id} +succeeded +25\\.00 USD .*credit note`))
    expect(text).toMatch(
      /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z {2}#1 +checkout .* opened for 100\.00 USD/,
    )
    expect(text).toContain('Next: nothing')
    expect((await explained(invoice.lago_id)).text).toBe(text)
  })

  test('an invoice that only Lago knows is named as such', async () => {
    world.lago.courier.switches.lose = true
    const invoice = world.bill(10_000)
    world.lago.courier.switches.lose = false

    for (const name of [invoice.number, invoice.lago_id]) {
      const { exitCode, text } = await explained(name)

      expect(exitCode).toBe(0)
      expect(text).toContain(`Lago has invoice ${invoice.number}`)
      expect(text).toContain('run `bridge reconcile`')
    }
  })

  test('an invoice that nobody knows is an error', async () => {
    expect(await explained('ACM-404')).toEqual({
      exitCode: 1,
      text: 'Neither the bridge nor Lago knows an invoice ACM-404.',
    })
  })
})

describe('reconcile', () => {
  test('says of what Lago lets nobody look at that nothing is known of it', async () => {
    const match = { method: 'GET', path: '/payment_requests$' }
    world.lago.faults.add({ kind: 'status', status: 403, times: 1, match })

    const { text } = await reconciled(true)

    expect(text).toContain('Lago did not let the bridge look at payment requests')
    expect(text).not.toContain('Both ledgers agree: nothing')
    expect((await reconciled(true)).text).not.toContain('did not let')
  })

  test('a dry run names what it found and changes nothing', async () => {
    const { exitCode, text } = await reconciled(true)

    expect(exitCode).toBe(0)
    expect(text).toContain('was not known')
    expect(text).toContain('Nothing was changed')
    expect((await explained('ACM-002-001')).text).toContain('has not seen it yet')
  })

  test('what was found is settled, and the outcome of each is told', async () => {
    const poor = world.bill(10_000, { customer: world.addCustomer({ country: 'KP' }) })
    world.lago.courier.switches.lose = true
    const lost = world.bill(7_000)
    world.lago.courier.switches.lose = false
    await world.eventually(poor.lago_id, ({ state }) => state === 'attention')

    const { exitCode, text } = await reconciled(false)

    expect(exitCode).toBe(0)
    expect(text).toMatch(/\d invoices settled, 1 of them need attention/)
    expect(text).toMatch(
      new RegExp(`${lost.number} +open +waiting for the customer to pay 70.00 USD`),
    )
    expect(text).toMatch(new RegExp(`${poor.number} +attention +Dodo does not serve`))
  })
})

test('what is found beside invoices is told, and worked from the queue', async () => {
  const customer = world.addCustomer()
  const invoice = world.bill(5_000, { customer })
  await world.openCheckout(invoice.lago_id)
  world.lago.markOverdue(invoice.lago_id)
  await world.quiet()
  await reconciled(false)
  world.lago.courier.switches.lose = true
  const { lago_id } = world.lago.requestPayment({
    externalCustomerId: customer.external_id,
    invoiceIds: [invoice.lago_id],
  })
  world.lago.courier.switches.lose = false

  const { exitCode, text } = await reconciled(false)

  expect(exitCode).toBe(0)
  expect(text).toContain(`payment request ${lago_id} was not known`)
  await world.quiet()
  expect((await explained(lago_id)).text).toContain('waiting for the customer to pay 50.00 USD')
})

describe('the commands for whoever watches', () => {
  test('status says how much is where, and its exit code whether anything is wrong', async () => {
    const customer = world.addCustomer({ name: 'Køge Værft' })
    const invoice = world.bill(123_400, { customer, currency: 'EUR' })
    await world.openCheckout(invoice.lago_id)

    const well = await told((write) => status(world.bridge.deps, write))
    expect(well.text).toMatch(/ {2}EUR .*1234\.00 \(1\)/)
    expect(well.text).toContain('Webhooks of lago')
    for (const line of well.text.split('\n')) expect(Bun.stringWidth(line)).toBeLessThan(100)

    const small = world.bill(10)
    await world.eventually(small.lago_id, ({ state }) => state === 'attention')
    const wrong = await told((write) => status(world.bridge.deps, write))
    expect(wrong).toMatchObject({ exitCode: 1 })
    expect(wrong.text).toMatch(/needs a person: bridge attention/)
    const asJson = await told((write) => listAttention(world.bridge.deps, write, { isJson: true }))
    expect(asJson.exitCode).toBe(1)
    expect(JSON.parse(asJson.text)).toContainEqual(
      expect.objectContaining({ reasonCode: 'below_minimum' }),
    )
  })

  test('links are those that a customer may be sent', async () => {
    const customer = world.addCustomer()
    const invoice = world.bill(2_000, { customer })
    const { report } = await world.openCheckout(invoice.lago_id)

    const sent = await told((write) => links(world.bridge.deps, customer.external_id, write))

    expect(sent.exitCode).toBe(0)
    expect(sent.text).toMatch(/^All of it +http:\/\/bridge\.test\/account\/\S+$/m)
    expect(sent.text).toContain(`${invoice.number}  20.00 USD  ${report.payUrl}`)
    expect((await told((write) => links(world.bridge.deps, 'nobody', write))).exitCode).toBe(1)
  })

  test('tail tells what happens from now on, each line once', async () => {
    const { promise: seen, resolve } = Promise.withResolvers<string>()
    const lines: string[] = []
    const invoice = await world.inSilence(() => world.bill(1_500))
    void tail(world.bridge.deps, { isJson: false }, (line) => {
      lines.push(line)
      if (line.includes('checkout')) resolve(line)
    }).catch(() => undefined)
    await Bun.sleep(0)
    await world.sweep()

    expect(await seen).toMatch(
      new RegExp(`^\\d{4}-\\d\\d-\\d\\d [\\d:]+  ${invoice.number}  checkout`),
    )
    expect(new Set(lines).size).toBe(lines.length)
    const unknown = await told((write) =>
      tail(world.bridge.deps, { invoice: 'INV-0', isJson: true }, write),
    )
    expect(unknown).toEqual({ exitCode: 1, text: 'The bridge does not know an invoice INV-0.' })
  })
})
