import { afterAll, beforeAll, describe, expect, test } from 'bun:test'

import { FRESH_MS, install, LOCATION, openPaying, type Paying } from './support.ts'

let paying: Paying
beforeAll(async () => {
  paying = await openPaying({ env: { HIGHLEVEL_LOCATIONS: 'loc_demo_1,loc_demo_2' } })
  paying.world.highlevel.createLocation('loc_demo_2')
  await install(paying.world, 'loc_demo_2')
})
afterAll(() => paying.world.close())

const PENDING = { success: false, failed: false, message: 'pending' }

describe('verify', () => {
  test('says what was paid, in hundredths, and claims it', async () => {
    const { transactionId, chargeId } = await paying.buy(25.99)
    const answer = await paying.verify(transactionId, chargeId)

    expect(answer).toEqual({
      status: 200,
      body: {
        success: true,
        failed: false,
        message: '',
        chargeSnapshot: {
          id: chargeId,
          status: 'succeeded',
          amount: 2_599,
          chargeId,
          chargedAt: expect.any(Number),
        },
      },
    })
    expect((await paying.reportsOf(transactionId))[0]).toMatchObject({
      claimed: true,
      state: 'paid',
    })
  })

  test('of HighLevel itself marks its transaction as succeeded', async () => {
    const { transactionId, chargeId } = await paying.buy(4.35)
    expect(await paying.world.highlevel.verify(transactionId, chargeId)).toBe('succeeded')
  })

  test('finds the payment although its webhook was lost, and without a charge being named', async () => {
    const { world } = paying
    const { transactionId } = await world.inSilence(() => paying.buy())
    world.advance(FRESH_MS)
    expect((await paying.verify(transactionId)).body).toMatchObject({ success: true })
  })

  test('of what nobody has paid is pending', async () => {
    const { transactionId } = await paying.begin()
    expect((await paying.verify(transactionId)).body).toMatchObject(PENDING)
    expect((await paying.verify(paying.sell().transactionId, 'pay_none')).body).toMatchObject(
      PENDING,
    )
  })

  test('of a declined payment is pending: it can still be paid', async () => {
    const { world } = paying
    const { transactionId, sessionId } = await paying.begin()
    world.dodo.decline(sessionId, 'INSUFFICIENT_FUNDS')
    await world.quiet()
    world.advance(FRESH_MS)
    expect((await paying.verify(transactionId)).body).toMatchObject(PENDING)
  })

  test("never takes another transaction's charge, nor gives away that there is one", async () => {
    const paid = await paying.buy(25.99)
    const other = await paying.begin(25.99)
    await paying.eventuallyOrder(paid.transactionId, ({ state }) => state === 'paid')

    const stolen = await paying.verify(other.transactionId, paid.chargeId)
    const made = await paying.verify(other.transactionId, 'pay_none')
    const [one, two] = [stolen, made].map(({ body }) => body)
    expect(one).toMatchObject(PENDING)
    expect(Object.keys(one ?? {})).toEqual(Object.keys(two ?? {}))
    expect(one?.['chargeSnapshot']).toMatchObject({ amount: 0, chargeId: paid.chargeId })
  })

  test("never takes another location's charge, whatever is named", async () => {
    const { transactionId, chargeId } = await paying.buy()
    await paying.eventuallyOrder(transactionId, ({ state }) => state === 'paid')
    const fields = { transactionId, chargeId, subscriptionId: '' }
    const theirs = await paying.query('verify', fields, paying.apiKey('loc_demo_2'))
    expect(theirs).toMatchObject({ status: 200, body: PENDING })
    expect((await paying.reportsOf(transactionId))[0]).toMatchObject({ claimed: false })
  })

  test('of a transaction that asks for another amount by now is pending, and claims nothing', async () => {
    const { transactionId, chargeId, transaction } = await paying.buy(10)
    await paying.eventuallyOrder(transactionId, ({ state }) => state === 'paid')
    transaction.amount = 100
    expect((await paying.verify(transactionId, chargeId)).body).toMatchObject(PENDING)
    expect((await paying.reportsOf(transactionId))[0]).toMatchObject({ claimed: false })

    transaction.amount = 10
    expect((await paying.verify(transactionId, chargeId)).body).toMatchObject({ success: true })
  })

  test('says the same for ever once it was said', async () => {
    const { transactionId, chargeId, transaction } = await paying.buy(10)
    const first = await paying.verify(transactionId, chargeId)
    transaction.amount = 100
    expect(await paying.verify(transactionId, chargeId)).toEqual(first)
  })

  test('answers pending while Dodo does not answer', async () => {
    const { world } = paying
    const { transactionId, chargeId } = await world.inSilence(() => paying.buy())
    world.advance(FRESH_MS)
    world.dodo.faults.add({ kind: 'status', status: 500, match: { method: 'GET' } })
    const answer = await paying.verify(transactionId, chargeId)
    world.dodo.faults.clear()
    expect(answer).toMatchObject({ status: 200, body: PENDING })
  }, 30_000)
})

describe('a refund', () => {
  test('gives back what HighLevel asks for, in major units', async () => {
    const { world } = paying
    const { transactionId, chargeId } = await paying.buy(25.99)
    await paying.verify(transactionId, chargeId)
    const answer = await paying.refund(transactionId, 10, { chargeId })

    const [made] = world.refundsOf(chargeId)
    expect(made).toMatchObject({ amount: 1_000 })
    expect(answer).toEqual({
      status: 200,
      body: {
        success: true,
        message: expect.any(String),
        id: made?.refund_id,
        amount: 10,
        currency: 'USD',
      },
    })
  })

  test('asked for by HighLevel twice at once, and again, is made once', async () => {
    const { transactionId, chargeId } = await paying.buy(25.99)
    await paying.verify(transactionId, chargeId)
    const answers = await Promise.all([1, 2, 3].map(() => paying.refund(transactionId, 5)))
    answers.push(await paying.refund(transactionId, '5.00'))

    expect(new Set(answers.map(({ body }) => body['id'])).size).toBe(1)
    expect(answers.every(({ body }) => body['success'] === true)).toBe(true)
    expect(paying.world.refundsOf(chargeId)).toHaveLength(1)
  })

  test('whose answer is lost is looked for, and not made again', async () => {
    const { world } = paying
    const { transactionId, chargeId } = await paying.buy(25.99)
    await paying.verify(transactionId, chargeId)
    world.dodo.faults.add({
      kind: 'after_drop',
      times: 1,
      match: { method: 'POST', path: '/refunds$' },
    })
    await paying.refund(transactionId, 7)
    await world.quiet()
    expect((await paying.refund(transactionId, 7)).body).toMatchObject({ success: true, amount: 7 })
    expect(world.refundsOf(chargeId)).toHaveLength(1)
  }, 30_000)

  test.each<[string, unknown]>([
    ['of more than was paid', 26],
    ['of nothing', 0],
    ['with a third decimal', 1.001],
    ['of a negative amount', -5],
    ['of no number', 'all of it'],
  ])('%s is refused in words', async (_what, amount) => {
    const { transactionId, chargeId } = await paying.buy(25.99)
    await paying.verify(transactionId, chargeId)
    const answer = await paying.refund(transactionId, amount)
    expect(answer).toMatchObject({ status: 200, body: { success: false } })
    expect(answer.body['message']).toBeString()
    expect(paying.world.refundsOf(chargeId)).toEqual([])
  })

  test('that takes longer than anybody waits is the same one when it is asked for again', async () => {
    const { world } = paying
    const { transactionId, chargeId } = await paying.buy(25.99)
    await paying.eventuallyOrder(transactionId, ({ state }) => state === 'paid')
    const [order] = await paying.reportsOf(transactionId)
    const match = { method: 'POST', path: '/refunds$' }
    world.dodo.faults.add({ kind: 'delay', ms: 9_000, times: 1, match })

    const asking = [paying.refund(transactionId, 10), paying.refund(transactionId, 10)]
    const early = await Promise.all(asking)
    for (const { body } of early)
      expect(body).toEqual({
        success: false,
        message: 'The outcome is not known yet; ask again',
      })
    world.advance(10 * 60_000)
    const late = [await paying.refund(transactionId, 10), await paying.refund(transactionId, 10)]

    const refunds = world.refundsOf(chargeId)
    expect(refunds).toHaveLength(1)
    for (const { body } of late)
      expect(body).toMatchObject({ success: true, id: refunds[0]?.refund_id, amount: 10 })
    expect(await paying.reportsOf(transactionId)).toMatchObject([{ orderId: order?.orderId }])
  })

  test('of what is not paid is refused', async () => {
    const { transactionId } = await paying.begin()
    expect((await paying.refund(transactionId, 5)).body).toMatchObject({ success: false })
  })

  test("of another location's, another transaction's, or nobody's payment moves nothing", async () => {
    const one = await paying.buy()
    const other = await paying.buy()
    for (const { transactionId, chargeId } of [one, other])
      await paying.verify(transactionId, chargeId)
    const { transactionId, chargeId } = one
    const unknown = { success: false, message: 'Unknown payment' }

    const crossed = await paying.refund(transactionId, 5, { chargeId: other.chargeId })
    const theirs = await paying.query(
      'refund',
      { transactionId, chargeId, amount: 5 },
      paying.apiKey('loc_demo_2'),
    )
    const none = await paying.refund('f'.repeat(24), 5)
    const made = await paying.refund(transactionId, 5, { chargeId: 'pay_none' })
    for (const answer of [crossed, theirs, none, made]) expect(answer.body).toEqual(unknown)
    expect(paying.world.refundsOf(one.chargeId)).toEqual([])
    expect(paying.world.refundsOf(other.chargeId)).toEqual([])
  })
})

describe('who calls', () => {
  const wrong = { status: 401, body: { success: false, message: 'Invalid API key' } }

  test.each<[string, unknown]>([
    ['without a key', undefined],
    ['with a made-up one', 'hlk_test_loc_demo_1_AAAA'],
    ['with no text', 7],
    ['with the publishable one', 'publishable'],
    ['with the one of the mode that is not served', 'live'],
  ])('%s is not told why', async (_what, given) => {
    const { world } = paying
    const { props, transactionId } = paying.sell()
    const key = given === 'publishable' ? props.publishableKey : given
    const forged = key === 'live' ? paying.apiKey().replace('_test_', '_live_') : key
    expect(await paying.query('verify', { transactionId }, forged ?? null)).toEqual(wrong)
    expect(world.highlevel.store.locations.has(LOCATION)).toBe(true)
  })

  test('with one location and the key of another is refused', async () => {
    expect(
      await paying.query('list_payment_methods', { contactId: 'ct', locationId: 'loc_demo_2' }),
    ).toEqual(wrong)
  })

  test('must send a JSON object of a known type', async () => {
    expect((await paying.post('query', '[]')).status).toBe(400)
    expect((await paying.post('query', '{')).status).toBe(400)
    expect((await paying.query('authorize', {})).status).toBe(400)
    const get = await paying.world.get('/highlevel/query')
    expect([get.status, get.headers.get('allow')]).toEqual([405, 'POST'])
  })

  test('and leaves something out is answered, and changes nothing', async () => {
    expect(await paying.query('verify', {})).toMatchObject({ status: 200, body: PENDING })
    expect(await paying.query('refund', { amount: 5 })).toMatchObject({
      status: 200,
      body: { success: false },
    })
  })
})

test('what is not switched on says so, and charges nothing', async () => {
  const contact = { contactId: 'ct_1', locationId: LOCATION }
  expect((await paying.query('list_payment_methods', contact)).body).toEqual([] as never)
  const charge = {
    ...contact,
    paymentMethodId: 'sub_1',
    transactionId: paying.sell().transactionId,
    amount: 25.99,
    currency: 'USD',
  }
  const off = { success: false, failed: true, chargeId: '' }
  const charged = await paying.query('charge_payment', charge)
  expect(charged.body).toMatchObject({ ...off, chargeSnapshot: { status: 'failed' } })
  expect(charged.body['message']).toContain('not switched on')
  const created = await paying.query('create_subscription', {
    ...charge,
    subscriptionId: 'hs_1',
    startDate: '2026-12-01',
    recurringAmount: '25.99',
  })
  expect(created.body).toMatchObject(off)
  expect((await paying.query('cancel_subscription', { subscriptionId: 'hs_1' })).body).toEqual({
    success: false,
    failed: true,
    message: 'Unknown subscription',
  })
})
