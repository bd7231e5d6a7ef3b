import type { Texts } from './texts/texts.ts'

type Told = keyof Texts['declines']

/** Only what is the customer's to mend; never that a card was called stolen, or a payment fraud. */
const DECLINES: Readonly<Record<Told, string>> = {
  funds: 'INSUFFICIENT_FUNDS',
  details:
    'INCORRECT_CVC INVALID_CVC INCORRECT_NUMBER INVALID_CARD_NUMBER INVALID_EXPIRY_YEAR INVALID_PIN INVALID_UPI_ID',
  expired: 'EXPIRED_CARD',
  limit: 'LIMIT_EXCEEDED CARD_VELOCITY_EXCEEDED',
}

/** What a customer is told of why the bank said no; undefined where that is not for them. */
export const declineOf = (code: string | null): Told | undefined =>
  (Object.keys(DECLINES) as Told[]).find((name) =>
    DECLINES[name].split(' ').includes(code?.toUpperCase() ?? ''),
  )

/** The bank wants the customer to be there. */
export const isForConfirming = (code: string | null): boolean =>
  code?.toUpperCase().startsWith('AUTHENTICATION_') === true
