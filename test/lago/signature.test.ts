import { createHmac, generateKeyPairSync, sign } from 'node:crypto'

import { describe, expect, test } from 'bun:test'

import { InvalidSignature } from '../../src/errors.ts'
import { verifyLagoHmac, verifyLagoJwt } from '../../src/lago/signature.ts'

/** Computed by Lago's own recipe, with an escape and a float that re-serialising would change. */
const KEY = '4f3f0b7e-6a51-4c0f-9a8c-8b2f1c7d9e10'
const BODY = Buffer.from(
  String.raw`{"webhook_type":"invoice.created","object_type":"invoice","x":"A \u0026 B","r":20.0}`,
)
const SIGNATURE = 'v7xBGVX9XJ15UgkJPVO4MSUT9WAscTuNIkwvc8sdIgA='

describe('verifyLagoHmac', () => {
  test('the known signature holds', () => {
    expect(() => verifyLagoHmac(BODY, SIGNATURE, [KEY])).not.toThrow()
  })

  test('any of several keys may have signed', () => {
    expect(() => verifyLagoHmac(BODY, SIGNATURE, ['old', KEY])).not.toThrow()
    expect(() => verifyLagoHmac(BODY, SIGNATURE, [KEY, 'new'])).not.toThrow()
  })

  test.each<[string, Buffer, string | undefined, string[]]>([
    ['a missing signature', BODY, undefined, [KEY]],
    ['an empty signature', BODY, '', [KEY]],
    ['half a signature', BODY, SIGNATURE.slice(0, 22), [KEY]],
    ['a signature in hexadecimal', BODY, Buffer.from(SIGNATURE, 'base64').toString('hex'), [KEY]],
    ['another key', BODY, SIGNATURE, ['4f3f0b7e-6a51-4c0f-9a8c-8b2f1c7d9e11']],
    ['the key without its dashes', BODY, SIGNATURE, [KEY.replaceAll('-', '')]],
    ['no key', BODY, SIGNATURE, []],
    ['another body', Buffer.from(`${BODY.toString()} `), SIGNATURE, [KEY]],
    [
      'a re-serialised body',
      Buffer.from(JSON.stringify(JSON.parse(BODY.toString()))),
      SIGNATURE,
      [KEY],
    ],
  ])('%s is refused', (_, body, signature, keys) => {
    expect(() => verifyLagoHmac(body, signature, keys)).toThrow(InvalidSignature)
  })

  test('the refusal says which key belongs there, and shows none', () => {
    expect(() => verifyLagoHmac(BODY, SIGNATURE, ['wrong-key'])).toThrow('LAGO_WEBHOOK_HMAC_KEY')
    expect(() => verifyLagoHmac(BODY, SIGNATURE, ['wrong-key'])).not.toThrow('wrong-key')
  })
})

const newPair = () =>
  generateKeyPairSync('rsa', {
    modulusLength: 2_048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  })
const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')

describe('verifyLagoJwt', () => {
  const ours = newPair()
  const stranger = newPair()
  const issuer = 'https://api.getlago.com'
  const expected = { publicKeyPem: ours.publicKey, issuer }
  const text = JSON.stringify({ organization_id: 'org_1', note: 'Zażółć €' })
  const body = Buffer.from(text)
  const claims = { data: text, iss: issuer }

  const tokenOf = (payload: object, { header = { alg: 'RS256' }, key = ours.privateKey } = {}) => {
    const signed = `${encode(header)}.${encode(payload)}`
    return `${signed}.${sign('RSA-SHA256', Buffer.from(signed), key).toString('base64url')}`
  }

  test('a token over this body by this Lago holds', () => {
    expect(() => verifyLagoJwt(body, tokenOf(claims), expected)).not.toThrow()
  })

  test('further claims do not matter', () => {
    expect(() => verifyLagoJwt(body, tokenOf({ ...claims, iat: 1 }), expected)).not.toThrow()
  })

  const good = tokenOf(claims)
  const [head = '', payload = '', signature = ''] = good.split('.')
  const hmacToken = `${encode({ alg: 'HS256' })}.${payload}`
  test.each<[string, string | undefined]>([
    ['a missing token', undefined],
    ['an empty token', ''],
    ['what is no token', 'v7xBGVX9XJ15UgkJPVO4MSUT9WAscTuNIkwvc8sdIgA='],
    ['a token of four parts', `${good}.x`],
    ['a token without its signature', `${head}.${payload}.`],
    ['a token whose parts are no JSON', `x.y.${signature}`],
    ['a token whose parts are no objects', tokenOf([], { header: 1 as never })],
    ['another body', tokenOf({ ...claims, data: `${text} ` })],
    ['a body as an object', tokenOf({ ...claims, data: JSON.parse(text) })],
    ['no body', tokenOf({ iss: issuer })],
    ['another issuer', tokenOf({ ...claims, iss: 'https://lago.evil.example' })],
    ['no issuer', tokenOf({ data: text })],
    ["a stranger's key", tokenOf(claims, { key: stranger.privateKey })],
    [
      'claims that were changed after signing',
      `${head}.${encode({ ...claims, x: 1 })}.${signature}`,
    ],
    ['another algorithm in a header that we signed', tokenOf(claims, { header: { alg: 'RS512' } })],
    ['the algorithm "none"', `${encode({ alg: 'none' })}.${payload}.${signature}`],
    [
      'an HMAC keyed with the public key',
      `${hmacToken}.${createHmac('sha256', ours.publicKey).update(hmacToken).digest('base64url')}`,
    ],
  ])('%s is refused', (_, token) => {
    expect(() => verifyLagoJwt(body, token, expected)).toThrow(InvalidSignature)
  })
})
