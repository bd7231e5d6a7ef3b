import { afterAll, beforeAll, describe, expect, test } from 'bun:test'

import { FRESH_MS, install, LOCATION, openPaying, type Paying } from './support.ts'

let paying: Paying
beforeAll(async () => {
  paying = await openPaying({ env: { HIGHLEVEL_LOCATIONS: 'loc_demo_1,loc_demo_2,loc_demo_3' } })
})
afterAll(() => paying.world.close())

const checkouts = () => paying.world.sent('POST', /\/checkouts$/).length

describe('a session', () => {
  test("asks for HighLevel's amount, and names everything at Dodo", async () => {
    const { transactionId, contactId, sessionId, checkoutUrl, ref } = await paying.begin(25.99)
    const payment = paying.world.dodo.pay(sessionId)
    const [order] = await paying.reportsOf(transactionId)

    expect(checkoutUrl).toStartWith('http://bridge.test/pay/')
    expect(ref).toMatch(/^[\w-]{22}$/)
    expect(payment).toMatchObject({ total_amount: 2_599, currency: 'USD' })
    expect(payment.metadata).toMatchObject({
      bridge_source: 'highlevel',
      bridge_order: order?.orderId,
      bridge_tenant: LOCATION,
      bridge_attempt: '1',
      highlevel_location_id: LOCATION,
      highlevel_transaction_id: transactionId,
      highlevel_contact_id: contactId,
    })
    expect(Object.keys(payment.metadata).filter((name) => name.startsWith('lago'))).toEqual([])
  })

  test('is the same however often it is asked for, and at once', async () => {
    const { props } = paying.sell()
    const before = checkouts()
    const answers = await Promise.all([1, 2, 3].map(() => paying.session(props)))
    answers.push(await paying.session(props))

    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200])
    expect(new Set(answers.map(({ body }) => body['ref'])).size).toBe(1)
    expect(answers[0]?.body).toMatchObject({ amount: 2_599, currency: 'USD', status: 'open' })
    expect(checkouts()).toBe(before + 1)
  })

  test('once it is paid says so, with the charge', async () => {
    const { props, ref, transactionId, chargeId } = await paying.buy()
    // While it is only heard of, nobody is told that anything is wrong.
    expect((await paying.show(ref)).body['status']).not.toBe('failed')
    await paying.eventuallyOrder(transactionId, ({ state }) => state === 'paid')

    const paid = { status: 'succeeded', chargeId }
    expect((await paying.session(props)).body).toMatchObject({ ref, ...paid })
    expect((await paying.show(ref)).body).toEqual(paid)
  })

  test('of a transaction that asks for another amount by now takes the place of the old one', async () => {
    const { world } = paying
    const old = await paying.begin(10)
    const transaction = world.highlevel.store.transactions.get(old.transactionId)
    if (transaction) transaction.amount = 12

    const fresh = await paying.session(world.highlevel.paymentProps(old.transactionId))
    expect(fresh.body).toMatchObject({ amount: 1_200 })
    expect(fresh.body['ref']).not.toBe(old.ref)
    expect((await paying.show(old.ref)).body).toMatchObject({ status: 'expired' })

    const late = world.dodo.pay(old.sessionId)
    await paying.eventuallyOrder(old.transactionId, ({ payments }) =>
      payments.some(({ disposition }) => disposition === 'late'),
    )
    await world.quiet()
    expect(world.refundsOf(late.payment_id)).toHaveLength(1)
  })

  test('tells of a decline, and may be paid all the same', async () => {
    const { world } = paying
    const { ref, sessionId, checkoutUrl } = await paying.begin()
    world.dodo.decline(sessionId, 'INSUFFICIENT_FUNDS')
    await world.quiet()
    const declined = await paying.show(ref)
    expect(declined.body).toMatchObject({ status: 'open', message: expect.any(String) })

    world.advance(60_000)
    const { payment_id: chargeId } = world.dodo.pay(await world.follow(checkoutUrl))
    await world.quiet()
    expect((await paying.show(ref)).body).toEqual({ status: 'succeeded', chargeId })
  })

  test('that the bank has is processing, with its charge', async () => {
    const { world } = paying
    const { ref, sessionId } = await paying.begin()
    const { payment_id: chargeId } = world.dodo.pay(sessionId, { outcome: 'processing' })
    await world.quiet()
    expect((await paying.show(ref)).body).toEqual({ status: 'processing', chargeId })
  })

  test('is found to be paid although every webhook was lost', async () => {
    const { world } = paying
    const begun = await paying.begin()
    await world.inSilence(() => world.dodo.pay(begun.sessionId))
    world.advance(FRESH_MS)
    await paying.show(begun.ref)
    await world.quiet()
    expect((await paying.show(begun.ref)).body).toMatchObject({ status: 'succeeded' })
  })

  test('nobody knows is 404', async () => {
    expect((await paying.show('AAAAAAAAAAAAAAAAAAAAAA')).status).toBe(404)
    expect((await paying.show('%00')).status).toBe(404)
  })
})

describe('what the browser says', () => {
  type Change = Record<string, unknown>

  test.each<[string, Change, number]>([
    ['another amount', { amount: 1 }, 409],
    ['a cent less', { amount: 25.98 }, 409],
    ['the amount in cents', { amount: 2_599 }, 409],
    ['another currency', { currency: 'EUR' }, 409],
    ['a third decimal', { amount: 25.991 }, 400],
    ['an amount that is none', { amount: 'free' }, 400],
    ['a negative amount', { amount: -25.99 }, 400],
    ['a currency without hundredths', { currency: 'JPY' }, 400],
    ['another mode of paying', { mode: 'gift' }, 400],
    ['a subscription', { mode: 'subscription', subscriptionId: 'sub_1' }, 409],
    ['that a card is to be saved', { mode: 'setup', contact: { id: 'ct_1' } }, 409],
    ['no transaction', { transactionId: '' }, 400],
    [
      'a transaction that HighLevel does not know',
      { transactionId: 'f'.repeat(24), orderId: '' },
      409,
    ],
    ['a transaction whose name is no text', { transactionId: '\ud800' }, 400],
    ['another location', { locationId: 'loc_demo_2' }, 401],
    ['no key', { publishableKey: undefined }, 401],
    ['a key that was made up', { publishableKey: 'hlp_test_loc_demo_1_AAAA' }, 401],
  ])('and is %s opens nothing', async (_what, change, status) => {
    const { props } = paying.sell()
    const before = checkouts()
    const answer = await paying.session({ ...props, ...change })

    expect(answer.status).toBe(status)
    expect(answer.body['error']).toBeString()
    expect(checkouts()).toBe(before)
  })

  test('does not choose which of two transactions is paid', async () => {
    const dear = paying.sell(100)
    const cheap = paying.sell(1)
    const forged = { ...dear.props, amount: 1, orderId: cheap.order._id }
    expect((await paying.session(forged)).status).toBe(409)
  })

  test('is nothing for the API key: only a publishable one opens a page', async () => {
    const { props } = paying.sell()
    expect((await paying.session({ ...props, publishableKey: paying.apiKey() })).status).toBe(401)
  })

  test('about a transaction of another location opens nothing', async () => {
    const { world } = paying
    world.highlevel.createLocation('loc_demo_2')
    await install(world, 'loc_demo_2')
    const theirs = world.highlevel.createSale({ locationId: 'loc_demo_2', amount: 25.99 })
    const { props } = paying.sell()
    const forged = { ...props, transactionId: theirs.transaction._id, orderId: theirs.order._id }
    expect((await paying.session(forged)).status).toBe(409)
  })

  test('about what was paid by other means opens nothing', async () => {
    const { props, transaction } = paying.sell()
    transaction.status = 'succeeded'
    expect((await paying.session(props)).status).toBe(409)
  })

  test('of the other mode is refused by name', async () => {
    const { props, transaction } = paying.sell()
    transaction.liveMode = true
    expect((await paying.session(props)).status).toBe(409)
  })
})

describe('HighLevel', () => {
  test('that cannot be asked keeps everything from being opened', async () => {
    const { props } = paying.sell()
    const before = checkouts()
    paying.world.highlevel.faults.add({
      kind: 'status',
      status: 500,
      times: 20,
      match: { method: 'GET', path: '/payments/transactions/' },
    })
    const answer = await paying.session(props)
    paying.world.highlevel.faults.clear()

    expect(answer.status).toBe(503)
    expect(checkouts()).toBe(before)
    expect((await paying.session(props)).status).toBe(200)
  })

  test('that shows no pending transactions is asked for the order', async () => {
    const { behaviour } = paying.world.highlevel
    behaviour.readsPendingTransactions = false
    const opened = await paying.session(paying.sell().props)
    const forged = await paying.session({ ...paying.sell(100).props, amount: 1 })
    behaviour.readsPendingTransactions = true

    expect(opened).toMatchObject({ status: 200, body: { amount: 2_599 } })
    expect(forged.status).toBe(409)
  })

  test('that writes numbers and truths as texts is understood', async () => {
    const { behaviour } = paying.world.highlevel
    behaviour.typesAreTexts = true
    const { status } = await paying.session(paying.sell().props)
    behaviour.typesAreTexts = false
    expect(status).toBe(200)
  })

  test('has taken the app out: the location gets no sessions any more', async () => {
    const { world } = paying
    world.highlevel.createLocation('loc_demo_3')
    await install(world, 'loc_demo_3')
    const { transaction } = world.highlevel.createSale({ locationId: 'loc_demo_3', amount: 5 })
    const props = world.highlevel.paymentProps(transaction._id)
    world.highlevel.uninstall('loc_demo_3')
    await world.quiet()
    expect((await paying.session(props)).status).toBe(401)
  })
})

describe('the door', () => {
  test('takes JSON objects by POST, up to a MiB', async () => {
    expect((await paying.session('[]')).status).toBe(400)
    expect((await paying.session('not json')).status).toBe(400)
    expect((await paying.session(`{"a":"${'x'.repeat(1024 * 1024)}"}`)).status).toBe(413)
    const get = await paying.world.get('/highlevel/session')
    expect([get.status, get.headers.get('allow')]).toEqual([405, 'POST'])
    const asked = await paying.world.get('/highlevel/query', { method: 'OPTIONS' })
    expect([asked.status, asked.headers.get('allow')]).toEqual([405, 'POST'])
  })

  test('of the page may be framed by anybody, and gives it nothing but its own', async () => {
    const { headers, status } = await paying.world.get('/highlevel/pay')
    const policy = headers.get('content-security-policy') ?? ''
    expect(status).toBe(200)
    expect(policy).toContain('frame-ancestors *')
    expect(policy).toContain("script-src 'self'")
    expect(policy).toContain("connect-src 'self'")
    expect(policy).not.toContain('unsafe')
    expect(headers.get('x-frame-options')).toBeNull()
    expect(headers.get('set-cookie')).toBeNull()
  })

  test('lets a location open 120 sessions in a minute, and no more', async () => {
    const { world, session } = paying
    world.advance(120_000)
    const props = { publishableKey: paying.sell().props.publishableKey, mode: 'gift' }
    const statuses: number[] = []
    for (let count = 0; count < 121; count += 1) statuses.push((await session(props)).status)
    expect(statuses.slice(0, 120).every((status) => status === 400)).toBe(true)
    expect(statuses.at(-1)).toBe(429)
    world.advance(61_000)
    expect((await session(props)).status).toBe(400)
  })
})
