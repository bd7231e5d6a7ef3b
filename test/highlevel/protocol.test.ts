import { describe, expect, test } from 'bun:test'

import { InvalidSignature } from '../../src/errors.ts'
import { toHundredths, toMajor } from '../../src/highlevel/amounts.ts'
import { makeKey, readKey } from '../../src/highlevel/keys.ts'
import { MarketplaceEvent } from '../../src/highlevel/objects.ts'
import { Props, Query } from '../../src/highlevel/queries.ts'
import { createSeal, Unsealable } from '../../src/highlevel/sealed.ts'
import { createHighlevelVerifier } from '../../src/highlevel/signature.ts'
import { decryptSso } from '../../src/highlevel/sso.ts'
import { encryptSso } from '../../sandbox/highlevel/api/sso.ts'
import { LOCATION, openPlatform } from '../sandbox/highlevel/support.ts'

const OLD = 'old-secret-0123456789abcdef-0123456789'
const NEW = 'new-secret-0123456789abcdef-0123456789'

/** The same with another character in its middle. */
const flip = (text: string) => {
  const at = Math.floor(text.length / 2)
  return `${text.slice(0, at)}${text[at] === 'A' ? 'B' : 'A'}${text.slice(at + 1)}`
}

describe('the signature of a marketplace webhook', () => {
  const verify = createHighlevelVerifier(
    'MCowBQYDK2VwAyEA6kpsY+KcUgq+9VB7Ey7F+ZVHdq6+vnuSQh7qaRRG0iw=',
  )
  const BODY =
    '{"type":"UNINSTALL","appId":"app_demo_1","locationId":"loc_demo_1","timestamp":"2026-11-20T10:00:00.000Z","webhookId":"wh_demo_1"}'
  const SIGNATURE =
    'mZhIddtEKmH1F/4O0Cp2p80q5Do19hL1pmNA2ItnNxMVYDmlV/PU/Xkn+Fz/YBuOA6r8bgVRPhFwB1FgKa5FAw=='
  const judge = (body: string, signature: string | undefined) => () =>
    verify(Buffer.from(body), signature)

  test('of the documented vector holds', () => {
    expect(judge(BODY, SIGNATURE)).not.toThrow()
  })

  test.each([
    ['is missing', BODY, undefined],
    ['is N/A', BODY, 'N/A'],
    ['is too short', BODY, SIGNATURE.slice(0, 40)],
    ['is in another alphabet', BODY, SIGNATURE.replaceAll('+', '-').replaceAll('/', '_')],
    ['is of a body that was written again', JSON.stringify(JSON.parse(BODY), null, 1), SIGNATURE],
    ['is of another body', BODY.replace('loc_demo_1', 'loc_demo_2'), SIGNATURE],
    ['is of another key', BODY, Buffer.alloc(64, 1).toString('base64')],
  ])('that %s is refused', (_what, body, signature) => {
    expect(judge(body, signature)).toThrow(InvalidSignature)
  })

  test('is that of the events that are sent', async () => {
    const { platform, deliveries } = openPlatform()
    platform.install(LOCATION)
    platform.installCompany('cmp_demo_1', [])
    await platform.idle()

    for (const { headers, body } of deliveries) {
      const signature = headers.get('x-ghl-signature') ?? undefined
      expect(() =>
        createHighlevelVerifier(platform.webhookPublicKey)(Buffer.from(body), signature),
      ).not.toThrow()
    }
    expect(deliveries.map(({ json }) => MarketplaceEvent.parse(json))).toMatchObject([
      { type: 'INSTALL', locationId: LOCATION },
      { type: 'INSTALL', companyId: 'cmp_demo_1' },
    ])
  })
})

describe('a secret at rest', () => {
  test('is opened by whoever has the key, for whom it was sealed', () => {
    const { seal, open } = createSeal([NEW])
    const sealed = seal('refresh-token', LOCATION)

    expect(sealed).not.toContain('refresh')
    expect(open(sealed, LOCATION)).toEqual({ text: 'refresh-token', isOld: false })
    expect(seal('refresh-token', LOCATION)).not.toBe(sealed)
  })

  test('of an older key is opened, and said to be old', () => {
    const sealed = createSeal([OLD]).seal('token', LOCATION)

    expect(createSeal([NEW, OLD]).open(sealed, LOCATION)).toEqual({ text: 'token', isOld: true })
  })

  test.each([
    ['another owner', (sealed: string) => sealed, 'loc_demo_2', [NEW]],
    ['another key', (sealed: string) => sealed, LOCATION, [OLD]],
    ['a changed byte', flip, LOCATION, [NEW]],
    ['a shortened text', (sealed: string) => sealed.slice(0, -4), LOCATION, [NEW]],
    ['no sealed text', () => 'token', LOCATION, [NEW]],
    ['an empty one', () => '', LOCATION, [NEW]],
  ])('is not opened with %s', (_what, change, about, secrets) => {
    const sealed = change(createSeal([NEW]).seal('a-token-of-some-length', LOCATION))

    expect(() => createSeal(secrets).open(sealed, about)).toThrow(Unsealable)
  })
})

describe('the keys that HighLevel is given', () => {
  const about = { kind: 'apiKey', mode: 'test', locationId: LOCATION } as const

  test('are always the same for one location, mode and secret, and tell them', () => {
    const key = makeKey(NEW, about)

    expect(key).toStartWith('hlk_test_')
    expect(makeKey(NEW, about)).toBe(key)
    expect(readKey([NEW], 'apiKey', key)).toEqual({ mode: 'test', locationId: LOCATION })
    expect(makeKey(NEW, { ...about, kind: 'publishableKey' })).toStartWith('hlp_test_')
  })

  test('of an older secret are still understood', () => {
    expect(readKey([NEW, OLD], 'apiKey', makeKey(OLD, about))).toMatchObject({ mode: 'test' })
  })

  test.each([
    ['of the other kind', makeKey(NEW, { ...about, kind: 'publishableKey' })],
    ['of another secret', makeKey(OLD, about)],
    ['whose mode was changed', makeKey(NEW, about).replace('_test_', '_live_')],
    ['whose location was changed', makeKey(NEW, about).replace('demo_1', 'demo_2')],
    ['that was cut', makeKey(NEW, about).slice(0, -1)],
    ['that is none', 'hlk_test_'],
    ['that is no text', 7],
    ['that is not there', undefined],
  ])('are not understood %s', (_what, key) => {
    expect(readKey([NEW], 'apiKey', key)).toBeUndefined()
  })
})

describe('who looks at the custom page', () => {
  const SECRET = 'test-shared-secret-0001'
  const user = { userId: 'usr_demo_1', role: 'admin', type: 'agency', activeLocation: LOCATION }

  test('is told by the payload of the documented vector', () => {
    const payload =
      'U2FsdGVkX1/WxcQ6tSXcJPY6tUqP79y+aX9QdiCBRAzcGJUlYEMrXwCljfY5AcVx36jGMGzRaPBT86V534nwO3X3l+2I0bT7npur0SO4ga/DHn3XIhaovYtivhHRGaSspr3X6lNZK3aaXOrd7y7ZxEn2/Pv6KSjWbO8KjcL4VilMTAMy4lTzyMpEDDq3AsRF9P5AT3XybTJnj4rTlS2DFEcm+nYOAp84jx7ORtwdlLPQ6lMqwOZdd1RorZdtDLtI'

    expect(decryptSso(SECRET, payload)).toMatchObject({
      userId: 'usr_demo_1',
      companyId: 'cmp_demo_1',
      role: 'admin',
      activeLocation: 'loc_demo_1',
    })
  })

  test('is told of nobody by a payload that somebody without the secret has changed', () => {
    const plain = {
      userId: 'u'.repeat(20),
      companyId: 'c'.repeat(20),
      role: 'user',
      type: 'location',
      activeLocation: 'l'.repeat(20),
    }
    const text = JSON.stringify(plain)
    // Without a MAC the block before is garbled, and this one is whatever one likes.
    const at = text.indexOf('cc","role":"user')
    const wanted = 'c","role":"admin'
    const forged = Array.from({ length: 400 }, () => {
      const bytes = Buffer.from(encryptSso(SECRET, plain), 'base64')
      for (let index = 0; index < wanted.length; index += 1) {
        const place = 16 + at - 16 + index
        bytes[place] = (bytes[place] ?? 0) ^ text.charCodeAt(at + index) ^ wanted.charCodeAt(index)
      }
      return decryptSso(SECRET, bytes.toString('base64'))
    })

    expect(at % 16).toBe(0)
    expect(forged.filter((one) => one !== undefined)).toEqual([])
  })

  test('is told with a name in any letters', () => {
    const named = { ...user, userName: 'Zoë 佐藤 🌱' }
    expect(decryptSso(SECRET, encryptSso(SECRET, named))).toMatchObject(named)
  })

  test('is told of every salt', () => {
    for (let count = 0; count < 50; count += 1) {
      expect(decryptSso(SECRET, encryptSso(SECRET, user))).toMatchObject(user)
    }
  })

  test('is nobody with another secret, whatever that yields', () => {
    for (let count = 0; count < 500; count += 1) {
      expect(decryptSso('another-secret', encryptSso(SECRET, user))).toBeUndefined()
    }
  })

  test.each([
    ['', undefined],
    ['no text', 7],
    ['another format', Buffer.from('x'.repeat(64)).toString('base64')],
    ['a cut one', encryptSso(SECRET, user).slice(0, 40)],
    ['one without a user', encryptSso(SECRET, { role: 'admin' })],
    ['a very long one', encryptSso(SECRET, { ...user, name: 'x'.repeat(9_000) })],
  ])('is nobody with %s', (_what, payload) => {
    expect(decryptSso(SECRET, payload)).toBeUndefined()
  })
})

describe('amounts', () => {
  test.each([
    [25.99, 2_599],
    ['25.99', 2_599],
    [19.99, 1_999],
    [4.35, 435],
    [10, 1_000],
    ['10.', 1_000],
    ['10.500', 1_050],
    [0.5, 50],
    [0, 0],
    [1.005, undefined],
    ['10.001', undefined],
    [-1, undefined],
    ['1e3', undefined],
    ['1,000', undefined],
    ['', undefined],
    [Number.NaN, undefined],
    [1e21, undefined],
    [null, undefined],
  ])('%p is %p hundredths', (amount, hundredths) => {
    expect(toHundredths(amount)).toBe(hundredths as number)
  })

  test('go out as the decimals that came in', () => {
    for (const hundredths of [0, 1, 10, 435, 1_999, 2_599, 100_000_001]) {
      expect(toHundredths(toMajor(hundredths))).toBe(hundredths)
    }
  })
})

describe('what the pay page is told', () => {
  test('is read as the parent sends it, and as older texts show it', async () => {
    const { platform, connect } = openPlatform()
    await connect()
    const contact = platform.createContact({ locationId: LOCATION, name: 'Ada', email: 'a@b.test' })
    const sale = { locationId: LOCATION, amount: 25.99, contactId: contact.id }
    const { transaction, order } = platform.createSale(sale)
    const props = platform.paymentProps(transaction._id)

    expect(Props.parse(props)).toMatchObject({
      mode: 'payment',
      amount: 25.99,
      transactionId: transaction._id,
      orderId: order._id,
      subscriptionId: undefined,
      contact: { id: contact.id },
      productDetails: [{ productId: order.productId, priceId: order.priceId }],
    })
    const older = { productId: 'p', priceId: 'q' }
    expect(Props.parse({ ...props, productDetails: older })).toMatchObject({
      productDetails: [older],
    })
    const { contact: _, productDetails: _details, ...bare } = props
    expect(Props.parse(bare)).toMatchObject({ productDetails: [] })
    const setup = platform.setupProps({ contactId: contact.id, currency: 'USD', liveMode: false })
    expect(Props.parse(setup)).toMatchObject({ mode: 'setup', contact: { id: contact.id } })
    expect(Props.safeParse({ ...props, mode: 'trial' }).success).toBe(false)
  })
})

test('every query that is sent is read, and no other', async () => {
  const { platform, queries, connect } = openPlatform()
  await connect()
  const contact = platform.createContact({ locationId: LOCATION, name: 'Ada', email: 'a@b.test' })
  const { transaction, subscription } = platform.createSale({
    locationId: LOCATION,
    amount: 25.99,
    contactId: contact.id,
    recurring: { interval: 'month', intervalCount: 1 },
  })
  const { _id: id } = transaction
  const ignore = () => undefined
  await platform.verify(id, 'pay_1').catch(ignore)
  await platform.refund(id, 10).catch(ignore)
  const asked = { locationId: LOCATION, contactId: contact.id, liveMode: false }
  await platform.listPaymentMethods(asked).catch(ignore)
  await platform.chargePayment(id, 'sub_1').catch(ignore)
  const start = { paymentMethodId: 'sub_1', startDate: '2026-11-20' }
  await platform.createSubscription(id, start).catch(ignore)
  await platform.cancelSubscription(subscription?._id ?? '').catch(ignore)

  expect(queries.map((query) => Query.parse(query).type)).toEqual([
    'verify',
    'refund',
    'list_payment_methods',
    'charge_payment',
    'create_subscription',
    'cancel_subscription',
  ])
  expect(Query.safeParse({ type: 'payout' }).success).toBe(false)
  expect(Query.safeParse({ type: 'verify' }).success).toBe(false)
})
