import { describe, expect, test } from 'bun:test'

import { classifyDecline, DECLINE_CODES, type DeclineClass } from '../../src/collect/declines.ts'

const TABLE: [string, DeclineClass][] = [
  ['INSUFFICIENT_FUNDS', 'soft'],
  ['GENERIC_DECLINE', 'soft'],
  ['PROCESSING_ERROR', 'soft'],
  ['NETWORK_ERROR', 'soft'],
  ['NETWORK_TIMEOUT', 'soft'],
  ['TRY_AGAIN_LATER', 'soft'],
  ['ORDER_CREATION_FAILED', 'soft'],
  ['UNKNOWN_ERROR', 'soft'],
  ['CARD_VELOCITY_EXCEEDED', 'soft'],
  ['LIMIT_EXCEEDED', 'soft'],
  ['REENTER_TRANSACTION', 'soft'],
  ['AUTHENTICATION_REQUIRED', 'customer'],
  ['AUTHENTICATION_TIMEOUT', 'customer'],
  ['AUTHENTICATION_FAILURE', 'customer'],
  ['CUSTOMER_CANCELLED', 'customer'],
  ['MANDATE_INVALID', 'customer'],
  ['MANDATE_REQUIRED', 'customer'],
  ['CARD_NOT_ACTIVATED', 'customer'],
  ['INCORRECT_CVC', 'customer'],
  ['INVALID_CVC', 'customer'],
  ['INCORRECT_NUMBER', 'customer'],
  ['INVALID_CARD_NUMBER', 'customer'],
  ['INVALID_CARD_OWNER', 'customer'],
  ['INVALID_EXPIRY_YEAR', 'customer'],
  ['INVALID_PIN', 'customer'],
  ['INVALID_UPI_ID', 'customer'],
  ['INVALID_AMOUNT', 'customer'],
  ['INVALID_REQUEST', 'customer'],
  ['LIVE_MODE_TEST_CARD', 'customer'],
  ['CARD_DECLINED', 'hard'],
  ['DO_NOT_HONOR', 'hard'],
  ['EXPIRED_CARD', 'hard'],
  ['INVALID_ACCOUNT', 'hard'],
  ['PAYMENT_METHOD_PROVIDER_DECLINED', 'hard'],
  ['PAYMENT_METHOD_UNSUPPORTED', 'hard'],
  ['PROVIDER_UNSUPPORTED', 'hard'],
  ['REVOCATION_OF_AUTHORIZATION', 'hard'],
  ['TRANSACTION_NOT_ALLOWED', 'hard'],
  ['TRANSACTION_NOT_APPROVED', 'hard'],
  ['MANDATE_REQUIRED_SYSTEM', 'hard'],
  ['STOLEN_CARD', 'hard'],
  ['LOST_CARD', 'hard'],
  ['PICKUP_CARD', 'hard'],
  ['FRAUDULENT', 'hard'],
]

describe('classifyDecline', () => {
  test.each(TABLE)('%s is %s', (code, expected) => {
    expect(classifyDecline(code)).toBe(expected)
    expect(classifyDecline(code.toLowerCase())).toBe(expected)
  })

  test('the table is complete, and names every code once', () => {
    expect(DECLINE_CODES).toHaveLength(44)
    expect([...DECLINE_CODES]).toEqual(TABLE.map(([code]) => code).toSorted())
  })

  test.each([null, '', 'A_CODE_OF_NEXT_YEAR', 'toString'])(
    'what Dodo has not published (%p) is soft: the schedule bounds it',
    (code) => {
      expect(classifyDecline(code)).toBe('soft')
    },
  )
})
