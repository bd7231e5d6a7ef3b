import { describe, expect, test } from 'bun:test'

import { suspectOf } from '../../src/metrics/findings.ts'

describe('what a sweep found', () => {
  test.each([
    ['payment', 'dodo'],
    ['refund', 'dodo'],
    ['dispute', 'dodo'],
    ['invoice', 'lago'],
    ['credit_note', 'lago'],
    ['payment_request', 'lago'],
    ['top_up', 'lago'],
  ] as const)('a %s should have been told of by a webhook of %s', (kind, source) => {
    expect(suspectOf({ kind, id: 'id_1' })).toEqual({ source, id: 'id_1' })
  })

  test.each(['mandate', 'invoice_changed', 'unfinished', 'other'] as const)(
    'no webhook is missed for what is %s',
    (kind) => {
      expect(suspectOf({ kind, id: 'id_1' })).toBeUndefined()
    },
  )
})
