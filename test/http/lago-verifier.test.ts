import { describe, expect, test } from 'bun:test'

import type { Config } from '../../src/config.ts'
import { createLagoVerifier } from '../../src/http/lago-verifier.ts'
import { createLago } from '../../src/lago/client.ts'
import { API_KEY, HMAC_KEY, LAGO_URL, openLago, WORKED_EXAMPLE } from '../sandbox/lago/support.ts'

/** A delivery of a Lago of some release, and how we take it. */
async function deliver(
  release: string | undefined,
  { signature = 'hmac', url = LAGO_URL }: { signature?: 'hmac' | 'jwt'; url?: string } = {},
) {
  const { lago, heard } = openLago({ ...(release && { release }), signature, jwtIssuer: LAGO_URL })
  await heard()
  lago.createInvoice(WORKED_EXAMPLE)
  const [delivery] = await heard()
  const config = {
    lago: { signature, hmacKeys: [HMAC_KEY], apiKey: API_KEY, jwtIssuer: LAGO_URL, url },
  } as Config
  const client = createLago({ url: LAGO_URL, apiKey: API_KEY, fetch: lago.fetch })
  const verifier = createLagoVerifier({
    config,
    lago: client,
    now: () => new Date(),
    organizationId: async () => lago.organizationId,
  })
  const sign = delivery?.headers.get('x-lago-signature') ?? undefined
  const verify = async (body: Buffer, claimed: string | undefined) => {
    const check = verifier.begin(claimed)
    check.update(body)
    await check.finish({ bytes: body.length, read: () => body, giveAway: () => [] })
  }
  return { verify, body: Buffer.from(delivery?.body ?? ''), sign }
}

describe('a delivery of Lago', () => {
  test.each(['1.0.0', '1.15.2', '1.16.0', undefined])(
    'at %p is accepted with the key that signs there',
    async (release) => {
      const { verify, body, sign } = await deliver(release)

      await verify(body, sign)
      expect(verify(Buffer.from('forged'), sign)).rejects.toThrow('does not match')
    },
  )

  test('that does not match says which key signs at that release', async () => {
    const old = await deliver('1.15.2')
    const newer = await deliver('1.16.0')
    const other = Buffer.alloc(32).toString('base64')

    expect(old.verify(old.body, other)).rejects.toThrow('signs with its API key')
    expect(newer.verify(newer.body, other)).rejects.toThrow('(not the API key)')
  })

  test('signed with the API key is refused since 1.16', async () => {
    const old = await deliver('1.15.2')
    const { verify } = await deliver('1.16.0')

    expect(verify(old.body, old.sign)).rejects.toThrow('does not match')
  })

  test('in JWT mode before 1.33.3 is believed of a Lago of our own, and not of a shared one', async () => {
    const own = await deliver('1.18.0', { signature: 'jwt' })
    const shared = await deliver('1.18.0', { signature: 'jwt', url: 'https://api.eu.getlago.com' })

    await own.verify(own.body, own.sign)

    expect(shared.verify(shared.body, shared.sign)).rejects.toThrow('use HMAC')
  })

  test('in JWT mode since 1.33.3 names its organisation', async () => {
    const { verify, body, sign } = await deliver('1.33.3', { signature: 'jwt' })

    await verify(body, sign)
  })
})
