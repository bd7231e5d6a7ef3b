/**
 * What a decline means for charging the same card again without its owner (Dodo's table of transaction
 * failures; where that table and its on-demand guide disagree, the stricter of the two):
 * `soft` may work later; `customer` needs the customer at a checkout; `hard` never works with this card.
 */
export type DeclineClass = 'soft' | 'customer' | 'hard'

const CLASSES: Readonly<Record<DeclineClass, string>> = {
  soft:
    'INSUFFICIENT_FUNDS GENERIC_DECLINE PROCESSING_ERROR NETWORK_ERROR NETWORK_TIMEOUT TRY_AGAIN_LATER ' +
    'ORDER_CREATION_FAILED UNKNOWN_ERROR CARD_VELOCITY_EXCEEDED LIMIT_EXCEEDED REENTER_TRANSACTION',
  customer:
    'AUTHENTICATION_REQUIRED AUTHENTICATION_TIMEOUT AUTHENTICATION_FAILURE CUSTOMER_CANCELLED MANDATE_INVALID ' +
    'MANDATE_REQUIRED CARD_NOT_ACTIVATED INCORRECT_CVC INVALID_CVC INCORRECT_NUMBER INVALID_CARD_NUMBER ' +
    'INVALID_CARD_OWNER INVALID_EXPIRY_YEAR INVALID_PIN INVALID_UPI_ID INVALID_AMOUNT INVALID_REQUEST LIVE_MODE_TEST_CARD',
  hard:
    'CARD_DECLINED DO_NOT_HONOR EXPIRED_CARD INVALID_ACCOUNT PAYMENT_METHOD_PROVIDER_DECLINED ' +
    'PAYMENT_METHOD_UNSUPPORTED PROVIDER_UNSUPPORTED REVOCATION_OF_AUTHORIZATION TRANSACTION_NOT_ALLOWED ' +
    'TRANSACTION_NOT_APPROVED MANDATE_REQUIRED_SYSTEM STOLEN_CARD LOST_CARD PICKUP_CARD FRAUDULENT',
}

const BY_CODE: ReadonlyMap<string, DeclineClass> = new Map(
  Object.entries(CLASSES).flatMap(([name, codes]) =>
    codes.split(' ').map((code) => [code, name as DeclineClass] as const),
  ),
)

/** Every decline code that Dodo documents, for tests and documentation. */
export const DECLINE_CODES: readonly string[] = [...BY_CODE.keys()].toSorted()

/** Codes that Dodo has not published, and none at all, are soft: the schedule bounds how often they are tried. */
export const classifyDecline = (code: string | null): DeclineClass =>
  BY_CODE.get(code?.toUpperCase() ?? '') ?? 'soft'
