import type { Words } from '../orders/decide/order.ts'

export const WORDS: Words = {
  superseded: 'HighLevel asks for another amount now',
  waits: 'waits for the buyer',
  asked: 'HighLevel asked for it',
  claimed: 'HighLevel was told that it is paid',
  replaced: 'the transaction was paid anew',
}

/** Why nothing more is asked for by it. */
export const SUBSCRIPTION_OVER = 'the subscription is over'
export const SUBSCRIPTION_BEGUN = 'the subscription has begun with another transaction'
