import { describe, expect, test } from 'bun:test'

import { deriveAmounts, needsPayments } from '../../src/lago/amounts.ts'
import { createLagoRelease, describeRelease } from '../../src/lago/release.ts'

const DAY_MS = 24 * 3_600_000

async function lagoThatSays(version: unknown) {
  const release = createLagoRelease(async () => version)
  await release.known()
  return release
}

describe('the release of a Lago', () => {
  test.each([
    ['v1.51.0', '1.51.0'],
    ['1.18.2', '1.18.2'],
    ['v1.0', '1.0.0'],
    ['v1.36.0-rc1', '1.36.0'],
    ['2026-08-21', undefined],
    ['2026-08-21T10:00:00Z', undefined],
    ['main', undefined],
    ['', undefined],
    [7, undefined],
    [undefined, undefined],
  ])('%p is read as %p', async (version, expected) => {
    expect((await lagoThatSays(version)).number()).toBe(expected)
  })

  test.each([
    ['v1.18.9', false],
    ['v1.19.0', true],
    ['v1.100.0', true],
    ['v2.0.0', true],
    ['2026-08-21', true],
  ])('%p keeps payments: %p', async (version, expected) => {
    expect((await lagoThatSays(version)).can('payments')).toBe(expected)
  })

  test.each([
    ['v1.33.1', true],
    ['v1.33.2', false],
    ['v1.36.9', false],
    ['v1.37.0', true],
  ])('the Retry button of %p is heard: %p', async (version, expected) => {
    expect((await lagoThatSays(version)).can('retry_button')).toBe(expected)
  })

  test('what an answer shows is believed of a Lago that does not say what it is, and of no other', async () => {
    const nameless = await lagoThatSays('2026-08-21')
    const named = await lagoThatSays('v1.40.0')
    nameless.showLacking('payments')
    named.showLacking('payments')

    expect([nameless.can('payments'), named.can('payments')]).toEqual([false, true])
  })

  test('is asked once a day, and kept while Lago is away', async () => {
    let now = 0
    let asked = 0
    const answers: (() => Promise<string>)[] = [
      async () => 'v1.18.0',
      () => Promise.reject(new Error('away')),
      async () => 'v1.40.0',
    ]
    const release = createLagoRelease(
      () => answers[asked++]?.() ?? Promise.reject(new Error('no more')),
      () => new Date(now),
    )
    await Promise.all([release.known(), release.known()])
    await release.known()
    expect([asked, release.number()]).toEqual([1, '1.18.0'])

    now += DAY_MS
    await release.known()
    expect([asked, release.number()]).toEqual([2, '1.18.0'])

    now += DAY_MS
    await release.known()
    expect(release.number()).toBe('1.40.0')
  })

  test('says what is off, since when Lago has it, and nothing with the newest', async () => {
    const old = describeRelease(await lagoThatSays('v1.0.0'), 'hmac')

    expect(old).toContain('payment requests are not collected (Lago 1.0.0; since 1.9.0 Lago can)')
    expect(old.join()).not.toContain('JWT')
    expect(describeRelease(await lagoThatSays('v1.18.0'), 'jwt').join()).toContain('JWT')
    expect(describeRelease(await lagoThatSays('v1.51.0'), 'jwt')).toEqual([])
  })
})

describe('amounts that a release does not show', () => {
  const base = { status: 'finalized', payment_status: 'pending', total_amount_cents: 1_000 }

  test.each([
    [
      '1.41 shows both',
      { total_paid_amount_cents: 300, total_due_amount_cents: 600 },
      undefined,
      300,
      600,
    ],
    ['1.22 shows due', { total_due_amount_cents: 700 }, undefined, 300, 700],
    [
      '1.22 shows due after a mere status',
      { payment_status: 'succeeded', total_due_amount_cents: 1_000 },
      undefined,
      0,
      1_000,
    ],
    ['1.19 keeps payments', {}, 300, 300, 700],
    ['1.19 is paid by status', { payment_status: 'succeeded' }, 0, 0, 0],
    ['1.0 is not paid', {}, undefined, 0, 1_000],
    ['1.0 is paid', { payment_status: 'succeeded' }, undefined, 1_000, 0],
    ['void before 1.40', { status: 'voided', total_due_amount_cents: 700 }, 300, 300, 0],
    ['void since 1.40', { status: 'voided', total_due_amount_cents: 0 }, 300, 300, 0],
    [
      'void since 1.41',
      { status: 'voided', total_paid_amount_cents: 300, total_due_amount_cents: 0 },
      undefined,
      300,
      0,
    ],
    ['void in 1.0', { status: 'voided' }, undefined, 0, 0],
  ])('%s', (_, shown, recorded, paid, due) => {
    expect(deriveAmounts({ ...base, ...shown }, recorded)).toEqual({ paid, due })
  })

  test('payments are read where nothing else tells', () => {
    expect(needsPayments(base)).toBe(true)
    expect(needsPayments({ ...base, total_due_amount_cents: 0 })).toBe(false)
    expect(needsPayments({ ...base, status: 'voided', total_due_amount_cents: 0 })).toBe(true)
    expect(needsPayments({ ...base, status: 'voided', total_paid_amount_cents: 0 })).toBe(false)
  })
})
