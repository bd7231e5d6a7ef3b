import { describe, expect, test } from 'bun:test'

import { createBudget } from '../../src/budget.ts'
import { ApiError, Later } from '../../src/errors.ts'
import { toHundredths } from '../../src/highlevel/amounts.ts'
import { createHighlevel, tellHighlevel } from '../../src/highlevel/client.ts'
import {
  consentUrl,
  createHighlevelOauth,
  meaningOfTokenRefusal,
} from '../../src/highlevel/oauth.ts'
import { createVendorFetch } from '../../src/vendor-fetch.ts'
import {
  APP,
  KEYS,
  LOCATION,
  openPlatform,
  PLATFORM_URL,
  PROVIDER,
} from '../sandbox/highlevel/support.ts'

/** A platform, and the clients as the bridge plugs them. */
function open(options: Parameters<typeof openPlatform>[0] = {}) {
  const opened = openPlatform(options)
  const fetch = createVendorFetch({
    service: 'HighLevel',
    fetch: opened.platform.fetch,
    budget: createBudget('HighLevel', [{ lengthMs: 10_000, most: 1_000 }], () => new Date()),
    urgency: 'urgent',
    stop: new AbortController().signal,
  })
  const oauth = createHighlevelOauth({ url: PLATFORM_URL, ...APP, fetch })
  const clientOf = (token: string, locationId = LOCATION) =>
    createHighlevel({
      url: PLATFORM_URL,
      locationId,
      readToken: () => Promise.resolve(token),
      fetch,
    })
  /** The client of a location that has the app. */
  const install = async () => {
    const { access_token } = await oauth.exchange(opened.platform.install(LOCATION))
    return clientOf(access_token)
  }
  return { ...opened, fetch, oauth, clientOf, install }
}

async function failureOf(call: Promise<unknown>): Promise<ApiError> {
  const error: unknown = await call.then(
    () => 'answered',
    (thrown: unknown) => thrown,
  )
  if (!(error instanceof ApiError)) throw new Error(`no ApiError: ${String(error)}`)
  return error
}

describe('an installation', () => {
  test('begins at a consent page that knows the app', async () => {
    const { platform } = open()
    const url = consentUrl({ marketplaceUrl: PLATFORM_URL, ...APP })

    expect((await platform.fetch(url)).status).toBe(200)
    expect(new URL(url).searchParams.get('scope')?.split(' ')).toEqual([...APP.scopes])
  })

  test('exchanges a code once', async () => {
    const { platform, oauth } = open()
    const code = platform.install(LOCATION)

    expect(await oauth.exchange(code)).toMatchObject({
      locationId: LOCATION,
      companyId: 'cmp_demo_1',
      expires_in: 86_399,
    })
    const error = await failureOf(oauth.exchange(code))
    expect(error).toMatchObject({ service: 'HighLevel', outcome: 'refused', status: 400 })
    expect(error.message).not.toContain(code)
  })

  test('refreshes a token, whose old refresh token is dead then', async () => {
    const { platform, oauth } = open()
    const first = await oauth.exchange(platform.install(LOCATION))
    const second = await oauth.refresh(first.refresh_token ?? '', 'Location')

    expect(second.refresh_token).not.toBe(first.refresh_token)
    const error = await failureOf(oauth.refresh(first.refresh_token ?? '', 'Location'))
    expect(meaningOfTokenRefusal(error)).toBe('install_again')
  })

  test('of a location that sleeps is kept, and so is one that got no answer', async () => {
    const { platform, oauth } = open()
    const { refresh_token = '' } = await oauth.exchange(platform.install(LOCATION))
    Object.assign(platform.store.locations.get(LOCATION) ?? {}, { isActive: false })
    expect(meaningOfTokenRefusal(await failureOf(oauth.refresh(refresh_token, 'Location')))).toBe(
      'later',
    )

    platform.faults.add({ kind: 'drop', times: 1 })
    const lost = await failureOf(oauth.refresh(refresh_token, 'Location'))
    expect(lost.outcome).toBe('unknown')
    expect(meaningOfTokenRefusal(lost)).toBe('later')
  })

  test('of an agency makes a token for each of its locations', async () => {
    const { platform, oauth, clientOf } = open()
    platform.createLocation('loc_demo_2')
    const { companyId } = { companyId: 'cmp_demo_1' }
    const company = await oauth.exchange(platform.installCompany(companyId, [LOCATION]))
    expect(company.locationId).toBeUndefined()

    const installed = await oauth.listInstalled(company.access_token, { companyId, appId: APP.id })
    expect(installed).toEqual([LOCATION])
    const who = { companyId, locationId: LOCATION }
    const token = await oauth.makeLocationToken(company.access_token, who)
    expect(token.refresh_token).toBeUndefined()
    expect(await clientOf(token.access_token).findProvider()).toBeUndefined()
  })
})

describe('a location', () => {
  test('is given a provider record and its keys, and a mode is taken away', async () => {
    const { install } = open()
    const client = await install()
    expect(await client.findProvider()).toBeUndefined()

    await client.createProvider(PROVIDER)
    await client.connect(KEYS)
    await client.disconnect('live')

    const found = await client.findProvider()
    expect(found).toMatchObject({ ...PROVIDER, paymentProvider: { test: KEYS.test } })
    expect(found?.paymentProvider?.live).toBeUndefined()
    await client.deleteProvider()
    expect(await client.findProvider()).toBeUndefined()
  })

  test('is refused its keys before there is a record, in words', async () => {
    const { install } = open()
    const client = await install()

    const error = await failureOf(client.connect(KEYS))

    expect(error).toMatchObject({ outcome: 'refused', detail: 'Custom provider not found' })
  })

  test('does not reach another location', async () => {
    const { platform, oauth, clientOf } = open()
    platform.createLocation('loc_demo_2')
    const { access_token } = await oauth.exchange(platform.install(LOCATION))

    const error = await failureOf(clientOf(access_token, 'loc_demo_2').findProvider())

    expect(error.status).toBe(403)
  })

  test('whose token has ended is told by a 401', async () => {
    const { clientOf } = open()

    expect(await failureOf(clientOf('ended').findTransaction('x'))).toMatchObject({ status: 401 })
  })

  test('that calls too often is put off, not refused', async () => {
    const { install } = open({ rateLimit: { perTenSeconds: 1, perDay: 10 } })
    const client = await install()
    await client.findProvider()

    const error: unknown = await client.findProvider().catch((thrown: unknown) => thrown)

    expect(error).toBeInstanceOf(Later)
  })
})

describe('a sale', () => {
  test.each([false, true])('is read, with numbers as text: %p', async (typesAreTexts) => {
    const { platform, install } = open({ behaviour: { typesAreTexts } })
    const client = await install()
    const { transaction, order, price, subscription } = platform.createSale({
      locationId: LOCATION,
      amount: 19.99,
      recurring: { interval: 'month', intervalCount: 1, trialPeriod: 7, totalCycles: 12 },
    })

    const read = await client.findTransaction(transaction._id)
    expect(read).toMatchObject({ liveMode: false, status: 'pending', entityId: order._id })
    expect(toHundredths(read?.amount)).toBe(1_999)
    expect(toHundredths((await client.findOrder(order._id))?.amount)).toBe(1_999)
    const owed = await client.findSubscription(subscription?._id ?? '')
    expect(toHundredths(owed?.amount)).toBe(1_999)
    expect(await client.findPrice(price.product, price._id)).toMatchObject({
      recurring: { interval: 'month', intervalCount: 1 },
      trialPeriod: 7,
      totalCycles: 12,
    })
    expect(await client.listTransactions({ offset: 0, limit: 10 })).toMatchObject({
      totalCount: 1,
      data: [{ _id: transaction._id }],
    })
  })

  test('that HighLevel does not know is undefined; one that cannot be read is an error', async () => {
    const { platform, install } = open()
    const client = await install()
    expect(await client.findTransaction('unknown')).toBeUndefined()
    expect(await client.findTransaction('../orders/x')).toBeUndefined()

    platform.faults.add({ kind: 'status', status: 503, times: 1 })
    expect(await failureOf(client.findTransaction('unknown'))).toMatchObject({ outcome: 'unknown' })
  })
})

describe('what HighLevel is told', () => {
  const url = `${PLATFORM_URL}/payments/custom-provider/webhook`
  const event = (transactionId: string) => {
    return {
      event: 'payment.captured',
      chargeId: 'pay_1',
      ghlTransactionId: transactionId,
      chargeSnapshot: { status: 'succeeded', amount: 2_599, chargeId: 'pay_1', chargedAt: 1 },
      locationId: LOCATION,
      apiKey: KEYS.test.apiKey,
    }
  }

  test('is received', async () => {
    const { platform, connect, fetch } = open()
    await connect()
    const { transaction } = platform.createSale({ locationId: LOCATION, amount: 25.99 })

    await tellHighlevel({ url, fetch }, event(transaction._id))

    expect(transaction.status).toBe('succeeded')
  })

  test('with a wrong key is refused, and the key is not in the error', async () => {
    const { connect, fetch } = open()
    await connect()

    const wrong = { ...event('x'), apiKey: 'hlk_test_wrong' }
    const error = await failureOf(tellHighlevel({ url, fetch }, wrong))

    expect(error).toMatchObject({ outcome: 'refused', status: 401 })
    expect(`${error.message} ${error.detail}`).not.toContain('hlk_test_wrong')
  })

  test('without an answer is unknown', async () => {
    const { platform, connect, fetch } = open()
    await connect()
    platform.faults.add({ kind: 'after_drop', times: 1 })

    expect(await failureOf(tellHighlevel({ url, fetch }, event('x')))).toMatchObject({
      outcome: 'unknown',
    })
  })
})
