import { afterEach, describe, expect, setSystemTime, test } from 'bun:test'
import { Webhook } from 'standardwebhooks'

import { createDodoVerifier } from '../../src/dodo/signature.ts'
import { InvalidSignature } from '../../src/errors.ts'

const SECRET = 'whsec_YnJpZGdlLWRvc3NpZXItdGVzdC1zZWNyZXQtMDAwMDAx'
const OTHER = 'whsec_b2xkLXNlY3JldC1vZi10aGUtYnJpZGdl'
const ID = 'msg_bridgeVector0001'
const SIGNED_AT_SECONDS = 1_795_000_000

/** Made by the reference library and by plain HMAC alike; the second holds multi-byte characters. */
const VECTORS = [
  [
    '{"business_id":"bus_test","type":"payment.succeeded","timestamp":"2026-11-18T12:26:40Z","data":{"payload_type":"Payment","payment_id":"pay_vector"}}',
    'v1,3R/DOLQJopUhCPpfQW77PSMrCuhJ+YOiBwwQSJaWtZE=',
  ],
  ['{"type":"x","note":"Zażółć €"}', 'v1,N5OU7y8GsNpq8GF5FU/6Q2UXiwIKhe92y4B6e88EI0s='],
] as const
const [[BODY, SIGNATURE]] = VECTORS

const headersOf = (signature: string, changes: Record<string, string> = {}) => ({
  'webhook-id': ID,
  'webhook-timestamp': String(SIGNED_AT_SECONDS),
  'webhook-signature': signature,
  ...changes,
})
/** The library reads the clock itself and takes no other. */
const at = (secondsAfterSigning: number) =>
  setSystemTime(new Date((SIGNED_AT_SECONDS + secondsAfterSigning) * 1_000))
const verify = (body: string, headers: Record<string, string>, secrets: string[] = [SECRET]) =>
  createDodoVerifier(secrets)(Buffer.from(body), headers)

describe('verifyDodo', () => {
  afterEach(() => void setSystemTime())

  test.each(VECTORS)('the known signature of %s holds', (body, signature) => {
    at(0)

    expect(() => verify(body, headersOf(signature))).not.toThrow()
  })

  test('what the reference library signs now holds now', () => {
    const signedAt = new Date()
    const signature = new Webhook(SECRET).sign('msg_1', signedAt, BODY)

    const headers = {
      'webhook-id': 'msg_1',
      'webhook-timestamp': String(Math.floor(signedAt.getTime() / 1_000)),
      'webhook-signature': signature,
    }

    expect(() => verify(BODY, headers)).not.toThrow()
  })

  test.each([
    ['is of another secret', 0, [OTHER], 'DODO_WEBHOOK_SECRET'],
    ['is an hour old', 3_600, [SECRET], '3600 s behind the clock'],
    ['is an hour ahead', -3_600, [SECRET], '3600 s ahead of the clock'],
  ])('what %s is refused with what to look at', (_what, seconds, secrets, words) => {
    at(seconds)

    expect(() => verify(BODY, headersOf(SIGNATURE), secrets)).toThrow(words)
  })

  test.each([
    ['this machine’s is right', 0, 3_600],
    ['the database’s is right', 3_600, 0],
  ])('of two clocks it is enough that %s', (_which, machine, database) => {
    at(machine)
    const now = () => new Date((SIGNED_AT_SECONDS + database) * 1_000)

    expect(() =>
      createDodoVerifier([SECRET], now)(Buffer.from(BODY), headersOf(SIGNATURE)),
    ).not.toThrow()
    expect(() => createDodoVerifier([OTHER], now)(Buffer.from(BODY), headersOf(SIGNATURE))).toThrow(
      'does not match',
    )
  })

  test('any of the secrets may have signed, and any of the signatures may be it', () => {
    at(0)

    expect(() => verify(BODY, headersOf(SIGNATURE), [OTHER, SECRET])).not.toThrow()
    expect(() => verify(BODY, headersOf(`v1,bm8= v1a,eA== ${SIGNATURE}`))).not.toThrow()
  })

  test.each([
    [-299, true],
    [299, true],
    [-301, false],
    [301, false],
    [86_400, false],
  ])('%i seconds after signing it holds: %p', (seconds, holds) => {
    at(seconds)
    const check = expect(() => verify(BODY, headersOf(SIGNATURE)))

    if (holds) check.not.toThrow()
    else check.toThrow(InvalidSignature)
  })

  test.each<[string, string, Record<string, string>, string[]]>([
    ['no headers at all', BODY, {}, [SECRET]],
    ['a missing id', BODY, { ...headersOf(SIGNATURE), 'webhook-id': '' }, [SECRET]],
    ['another id', BODY, headersOf(SIGNATURE, { 'webhook-id': 'msg_2' }), [SECRET]],
    ['another time', BODY, headersOf(SIGNATURE, { 'webhook-timestamp': '1795000001' }), [SECRET]],
    [
      'a time nobody can read',
      BODY,
      headersOf(SIGNATURE, { 'webhook-timestamp': 'now' }),
      [SECRET],
    ],
    ['an empty signature', BODY, headersOf(''), [SECRET]],
    ['a signature without version', BODY, headersOf(SIGNATURE.slice(3)), [SECRET]],
    ['a signature of another version', BODY, headersOf(`v2${SIGNATURE.slice(2)}`), [SECRET]],
    ['half a signature', BODY, headersOf(SIGNATURE.slice(0, 20)), [SECRET]],
    ['another body', `${BODY} `, headersOf(SIGNATURE), [SECRET]],
    ['another secret', BODY, headersOf(SIGNATURE), [OTHER]],
    ['no secret', BODY, headersOf(SIGNATURE), []],
  ])('%s is refused', (_, body, headers, secrets) => {
    at(0)

    expect(() => verify(body, headers, secrets)).toThrow(InvalidSignature)
  })

  test('a signed body that is no JSON is not the business of the signature', () => {
    const signedAt = new Date()
    const signature = new Webhook(SECRET).sign(ID, signedAt, 'not json')
    const seconds = String(Math.floor(signedAt.getTime() / 1_000))

    const headers = headersOf(signature, { 'webhook-timestamp': seconds })

    expect(() => verify('not json', headers)).not.toThrow()
  })
})
