import { describe, expect, test } from 'bun:test'
import * as fc from 'fast-check'

import {
  findDisagreement,
  isRefusal,
  readMoney,
} from '../../../src/billers/highlevel/decide/asked.ts'
import { makeKey, readKey } from '../../../src/highlevel/keys.ts'
import { Transaction } from '../../../src/highlevel/objects.ts'

const runs = { numRuns: 2_000, seed: 1 }
const location = fc.stringMatching(/^[A-Za-z0-9_-]{1,24}$/)
const mode = fc.constantFrom('test' as const, 'live' as const)
const kind = fc.constantFrom('apiKey' as const, 'publishableKey' as const)
const secret = fc.string({ minLength: 32, maxLength: 40 })
const cents = fc.integer({ min: 0, max: 200_000 })
const written = (hundredths: number) =>
  fc.constantFrom<unknown>(
    hundredths / 100,
    String(hundredths / 100),
    (hundredths / 100).toFixed(2),
    hundredths,
    String(hundredths),
    `${(hundredths / 100).toFixed(2)}1`,
    -hundredths,
    null,
  )

describe('whoever asks, and whatever is said', () => {
  test('what a buyer is asked for is what HighLevel’s API says, of this location and mode (P3)', () =>
    fc.assert(
      fc.property(
        fc.tuple(cents, cents).chain(([one, other]) =>
          fc.record({
            said: written(one),
            shown: fc.oneof(written(one), written(other)),
            currencies: fc.tuple(
              fc.constantFrom('USD', 'usd', 'EUR'),
              fc.constantFrom('USD', 'eur', 'JPY', ''),
            ),
            altIds: fc.constantFrom('loc_1', 'loc_2'),
            liveMode: fc.constantFrom<unknown>(true, false, 'true', 'false', undefined),
            mode,
            status: fc.constantFrom('pending', 'succeeded', 'refunded', '', 'a new word'),
          }),
        ),
        ({ said, shown, currencies: [saidIn, shownIn], altIds, liveMode, mode: asked, status }) => {
          const found = Transaction.safeParse({
            _id: 'tx',
            altId: altIds,
            amount: shown,
            currency: shownIn,
            liveMode,
            status,
          }).data
          const money = readMoney({ amount: said, currency: saidIn })
          if (isRefusal(money) || !found) return
          if (findDisagreement({ locationId: 'loc_1', mode: asked, money }, found)) return
          expect(Math.round(Number(shown) * 100)).toBe(money.amount)
          expect(shownIn.toUpperCase()).toBe(money.currency)
          expect(altIds).toBe('loc_1')
          expect(String(liveMode)).toBe(String(asked === 'live'))
          expect(['pending', '']).toContain(status)
        },
      ),
      runs,
    ))

  test('a key tells one location and one mode, and is no other key (P7)', () =>
    fc.assert(
      fc.property(
        fc.record({ secret, other: secret, location, stranger: location, mode, kind }),
        ({ secret: own, other, location: locationId, stranger, mode: of, kind: as }) => {
          const key = makeKey(own, { kind: as, mode: of, locationId })
          const otherKind = as === 'apiKey' ? 'publishableKey' : 'apiKey'
          expect(readKey([other, own], as, key)).toEqual({ mode: of, locationId })
          expect(readKey([own], otherKind, key)).toBeUndefined()
          if (other !== own) expect(readKey([other], as, key)).toBeUndefined()
          if (stranger !== locationId)
            expect(readKey([own], as, key.replace(locationId, stranger))).toBeUndefined()
          expect(
            readKey([own], as, key.replace(`_${of}_`, of === 'test' ? '_live_' : '_test_')),
          ).toBeUndefined()
          expect(readKey([own], as, key.slice(0, -1))).toBeUndefined()
        },
      ),
      runs,
    ))
})
