import { describe, expect, test } from 'bun:test'

import { eq } from 'drizzle-orm'

import {
  conditions,
  deadLetters,
  deliveries,
  dismissals,
  notifications,
  operatorActions,
  orders,
  payers,
  receivables,
  recordings,
  timeline,
} from '../../src/db/schema.ts'
import { expirePersonalData } from '../../src/privacy/expire.ts'
import { forget } from '../../src/privacy/forget.ts'
import { collect } from '../report/support.ts'
import { openWorld, shareWorld, type World } from '../support/world.ts'

const DAY_MS = 24 * 3_600_000
const NAME = 'Rosa Pimpernel'
const EMAIL = 'rosa@pimpernel.example'

const rosa = (world: World, name = NAME, email = EMAIL) => world.addCustomer({ name, email })

const forgotten = async ({ bridge: { deps } }: World, lagoCustomerId: string) => {
  const lines: string[] = []
  const exitCode = await forget(deps, lagoCustomerId, (line) => lines.push(line))
  return { exitCode, text: lines.join('\n') }
}

/** Everything the database holds, as text. */
async function wholeLedger({ bridge: { db } }: World) {
  const stored = await db.select().from(deliveries)
  const rows = await Promise.all([
    db.select().from(payers),
    db.select().from(receivables),
    db.select().from(timeline),
    db.select().from(orders),
  ])
  const bodies = stored.map(({ body, headers }) => body.toString('utf8') + JSON.stringify(headers))
  return JSON.stringify([rows, bodies])
}

/** The same words where they are copied to: what was told, seen, done and answered. */
async function repeatEverywhere(
  { bridge: { db } }: World,
  { invoiceId, external_id }: { invoiceId: string; external_id: string },
  said: string,
) {
  const at = new Date()
  const told = { at, queuedAt: at, state: 'sent' as const, data: {} }
  const items = [{ subject: invoiceId, text: said.replace(NAME, `"${NAME}"`) }]
  const attention = { type: 'invoice.attention', subject: invoiceId, text: said }
  const data = { customer: external_id, reason: said }
  await db.insert(notifications).values([
    { ...told, ...attention, id: 'ntf_1', occasion: '1', data },
    {
      ...told,
      id: 'ntf_2',
      type: 'digest',
      subject: 'digest',
      occasion: '2',
      text: 'x',
      data: { items },
    },
    {
      ...told,
      id: 'ntf_3',
      type: 'test',
      subject: 'other',
      occasion: '3',
      text: 'o@other.example',
    },
  ])
  await db
    .insert(conditions)
    .values({ ...attention, version: '1', since: at, data })
    .onConflictDoNothing()
  const by = { at, who: 'Ana', role: 'admin', action: 'look', formId: crypto.randomUUID() }
  await db.insert(operatorActions).values({ ...by, subject: `invoice ${invoiceId}`, outcome: said })
  await db.update(payers).set({ setupRefusal: said }).where(eq(payers.payerKey, external_id))
  await db.update(deliveries).set({ outcome: said }).where(eq(deliveries.wakesKey, invoiceId))
}

const deliveriesOf = ({ bridge: { db } }: World) => db.select().from(deliveries)

describe('bridge forget', () => {
  const shared = shareWorld()

  test('leaves nothing that tells who the customer was, and everything that happened', async () => {
    const { world } = shared
    const customer = rosa(world)
    const { invoice, payment } = await collect(world, 5_000, { customer })
    const other = await collect(world, 1_000, {
      customer: rosa(world, 'Other Ltd', 'o@other.example'),
    })
    await world.quiet()
    expect(await wholeLedger(world)).toContain(EMAIL)
    const before = await deliveriesOf(world)

    const { exitCode, text } = await forgotten(world, customer.external_id)

    expect(exitCode).toBe(0)
    expect(text).toContain(`Customer ${customer.external_id} is forgotten`)
    const left = await wholeLedger(world)
    expect(left).not.toContain(EMAIL)
    expect(left).not.toContain(NAME)
    expect(left).toContain('Other Ltd')
    expect((await deliveriesOf(world)).map(({ deliveryId }) => deliveryId).toSorted()).toEqual(
      before.map(({ deliveryId }) => deliveryId).toSorted(),
    )
    const report = await world.invoiceReport(invoice.lago_id)
    expect(report).toMatchObject({ state: 'paid', customer: customer.external_id })
    expect(report?.payments).toMatchObject([{ dodoPaymentId: payment.payment_id, amount: 5_000 }])
    expect(report?.timeline.at(-1)?.what).toContain('blanked: an operator')
    expect((await world.invoiceReport(other.invoice.lago_id))?.timeline.at(-1)?.what).not.toContain(
      'blanked',
    )
  })

  test('leaves nothing of it in what people and services wrote about money and invoices', async () => {
    const { world } = shared
    const { db } = world.bridge
    const customer = rosa(world)
    const { invoice } = await collect(world, 5_000, { customer })
    await world.quiet()
    const said = `asked ${NAME} at ${EMAIL} about it`
    const isTheirs = eq(receivables.receivableId, invoice.lago_id)
    await db
      .update(receivables)
      .set({ seenReason: said, seenNote: said, seenBy: 'Ana', lastError: said })
      .where(isTheirs)
    await db
      .update(recordings)
      .set({ ruledWhy: `Ana: ${said}`, reason: said })
      .where(eq(recordings.receivableId, invoice.lago_id))
    await db
      .insert(dismissals)
      .values({ receivableId: invoice.lago_id, reason: said, dismissedAt: new Date() })
    await db
      .insert(deadLetters)
      .values({ kind: 'customer', key: customer.external_id, error: said, buriedAt: new Date() })
    await repeatEverywhere(world, { ...customer, invoiceId: invoice.lago_id }, said)

    await forgotten(world, customer.external_id)

    const left = JSON.stringify([
      await wholeLedger(world),
      await db.select().from(recordings),
      await db.select().from(dismissals),
      await db.select().from(deadLetters),
      await Promise.all(
        [deliveries, payers, notifications, conditions, operatorActions].map((table) =>
          db.select().from(table),
        ),
      ),
    ])
    expect(left).not.toContain(EMAIL)
    expect(left).not.toContain(NAME)
    const [row] = await db.select().from(receivables).where(isTheirs)
    expect(row).toMatchObject({ seenNote: 'asked [forgotten] at [forgotten] about it' })
    const [digest] = await db.select().from(notifications).where(eq(notifications.type, 'digest'))
    expect(digest?.data).toMatchObject({
      items: [{ subject: invoice.lago_id, text: 'asked "[forgotten]" at [forgotten] about it' }],
    })
    const other = await db.select().from(notifications).where(eq(notifications.subject, 'other'))
    expect(other).toMatchObject([{ text: 'o@other.example' }])
    await db.delete(deadLetters)
    await db.delete(notifications)
  })

  test('does not let a forgotten delivery be taken for a new one', async () => {
    const { world } = shared
    const customer = rosa(world)
    const { invoice, payment } = await collect(world, 2_000, { customer })
    await forgotten(world, customer.external_id)
    world.dodo.courier.switches.double = true
    world.dodo.refund(payment.payment_id, 500)
    await world.quiet()

    expect(world.refundsOf(payment.payment_id)).toHaveLength(1)
    expect(world.notesOf(invoice.lago_id)).toHaveLength(1)
  })

  test('keeps what has not been processed, and says so', async () => {
    const { world } = shared
    const customer = rosa(world)
    const { invoice } = await collect(world, 2_000, { customer })
    await world.quiet()
    const { db } = world.bridge
    const ofInvoice = eq(deliveries.wakesKey, invoice.lago_id)
    await db.update(deliveries).set({ processedAt: null }).where(ofInvoice)

    const { text } = await forgotten(world, customer.external_id)

    expect(text).toContain('Not processed yet, so kept')
    const kept = await db.select().from(deliveries).where(ofInvoice)
    expect(kept.every(({ body }) => body.length > 0)).toBe(true)
    await db.update(deliveries).set({ processedAt: new Date() }).where(ofInvoice)
  })

  test('says when invoices are still open', async () => {
    const { world } = shared
    const customer = rosa(world)
    await world.openCheckout(world.bill(2_000, { customer }).lago_id)

    expect((await forgotten(world, customer.external_id)).text).toContain('Still open: 1 invoice')
  })

  test('ends with 1 for somebody of whom nothing is known', async () => {
    expect(await forgotten(shared.world, 'acct_404')).toEqual({
      exitCode: 1,
      text: 'The bridge holds nothing about a customer acct_404.',
    })
  })

  test('takes no other customer along whose id begins alike', async () => {
    const { world } = shared
    const [one, other] = ['acct_1', 'acct_12'].map((external_id) =>
      world.addCustomer({ external_id, name: `Name of ${external_id}` }),
    )
    if (!one || !other) throw new Error('two customers')
    await collect(world, 1_000, { customer: one })
    await collect(world, 1_000, { customer: other })
    await world.quiet()

    await forgotten(world, 'acct_1')

    const left = await wholeLedger(world)
    expect(left).toContain('Name of acct_12')
    expect(left).not.toContain('Name of acct_1"')
  })
})

describe('RETENTION', () => {
  const shared = shareWorld({ env: { RETENTION: '30d' } })

  test('lets go of what is older, and of nothing that is open or young', async () => {
    const { world } = shared
    const idle = rosa(world)
    const { invoice } = await collect(world, 5_000, { customer: idle })
    const owing = rosa(world, 'Still Owing', 'still@owing.example')
    const open = world.bill(1_000, { customer: owing })
    await world.openCheckout(open.lago_id)
    await world.quiet()

    await world.sweep()
    expect(await wholeLedger(world)).toContain(EMAIL)

    world.advance(31 * DAY_MS)
    await world.sweep()

    const { db } = world.bridge
    const stored = await db.select().from(deliveries)
    expect(stored.length).toBeGreaterThan(3)
    expect(stored.filter(({ body }) => body.length > 0)).toEqual([])
    expect(stored.every(({ outcome, eventType }) => outcome !== null && eventType !== '')).toBe(
      true,
    )
    const left = await wholeLedger(world)
    expect(left).not.toContain(NAME)
    expect(left).not.toContain(EMAIL)
    expect(left).toContain('Still Owing')
    const { timeline: told } = (await world.invoiceReport(invoice.lago_id)) ?? { timeline: [] }
    expect(told.at(-1)?.what).toContain('as long as RETENTION says')
  })

  test('lets go of the shoppers of old orders, and not of one whose money is on its way', async () => {
    const world = await openWorld({
      unproven: 'an order is set to attention by hand, for no reason',
      env: { RETENTION: '30d', OPENFRONT_API_KEYS: 'demo:ofk_0123456789abcdef' },
    })
    const order = async (id: string, customer: { name: string; email: string }) => {
      const response = await world.get('/api/create-payment', {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify({
          provider: { credentials: { apiKey: 'ofk_0123456789abcdef' } },
          cart: { id, rawTotal: 900, customer },
          amount: 900,
          currency: 'usd',
        }),
      })
      return ((await response.json()) as { paymentId: string }).paymentId
    }
    await order('cm-left', { name: NAME, email: EMAIL })
    const waiting = await order('cm-waiting', { name: 'Still Paying', email: 'still@paying.test' })
    await world.quiet()
    const { db } = world.bridge
    await db
      .update(receivables)
      .set({ state: 'attention' })
      .where(eq(receivables.receivableId, waiting))
    expect(await wholeLedger(world)).toContain(EMAIL)

    world.advance(31 * DAY_MS)
    await expirePersonalData(world.bridge.deps)

    const left = await wholeLedger(world)
    expect(left).not.toContain(NAME)
    expect(left).not.toContain(EMAIL)
    expect(left).toContain('still@paying.test')
    await world.close()
  })
})
