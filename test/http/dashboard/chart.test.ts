import { describe, expect, test } from 'bun:test'

import { DayChart } from '../../../src/http/dashboard/chart.tsx'

describe('the axis of the chart of days', () => {
  test.each([
    ['JPY', 0, ['0', '1']],
    ['USD', 0, ['0.00', '0.01']],
    ['JPY', 3, ['0', '1', '2', '3']],
    ['USD', 90_000, ['0.00', '200.00', '400.00', '600.00', '800.00', '1000.00']],
  ])('in %s up to %i names each amount once', (currency, collected, expected) => {
    const days = [{ day: '2026-11-29', collected, declined: 0 }]

    const html = (DayChart({ days, currency }) as { toString(): string }).toString()

    const [wide = ''] = /<svg class="chart wide".*?<\/svg>/s.exec(html) ?? []
    const named = Array.from(wide.matchAll(/text-anchor="end">([^<]*)</g), ([, text]) => text)
    expect(named.slice(0, -1)).toEqual(expected)
  })
})
