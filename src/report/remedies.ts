import type { ReasonCode } from '../collect/receivable.ts'

type Remedy = {
  /** What all of a group have in common, as a heading. */
  title: string
  /** What a person does about it: the paragraph of docs/operations.md, which a test compares. */
  remedy: string
}

/** Every reason for which a person must act, the worst first: money held, then money not asked for, then the rest. */
export const REMEDIES: Readonly<Record<ReasonCode, Remedy>> = {
  held_duplicate: {
    title: 'A second payment is held',
    remedy:
      "Paid twice, and held by DUPLICATE_PAYMENTS=hold or for want of proof. Give it back on the invoice's page, or say how it was settled otherwise. More under “Money that no invoice takes”.",
  },
  held_overpaid: {
    title: 'What was paid beyond the due is held',
    remedy:
      "More was paid than was due, and the rest is held. Give back what is named on the invoice's page, or say how it was settled otherwise.",
  },
  held_late: {
    title: 'A payment of a void invoice is held',
    remedy:
      "Paid on an invoice that is void by then. Give it back on the invoice's page, or invoice anew and keep it, and say so there.",
  },
  held_mismatch: {
    title: 'A payment that was not asked for is held',
    remedy:
      "Another amount than was asked for, or a payment that the bridge did not ask for. Find out what it is for; then give it back on the invoice's page, or say how it was settled otherwise. More under “Money that no invoice takes”.",
  },
  dispute_open: {
    title: 'A dispute is open',
    remedy: 'A payment is disputed. Answer it in Dodo, in time. More under “Disputes”.',
  },
  refund_refused: {
    title: 'A refund was refused',
    remedy:
      'Dodo did not take a refund: its balance, a dispute, the refund window. The sentence says which; again later, or by other means.',
  },
  refund_failed: {
    title: 'A refund failed',
    remedy:
      "Dodo took a refund and could not carry it out. Give it back once more on the invoice's page, or by other means.",
  },
  credit_reversed: {
    title: 'A refund failed after it was credited',
    remedy:
      'A refund failed after Lago had credited it. Refund the same amount again, or settle the note in Lago.',
  },
  invoice_unknown: {
    title: 'A payment of an unknown invoice',
    remedy:
      "A payment names an invoice that Lago does not have: deleted, another organisation's, or forged. Find out, and refund it if need be.",
  },
  void_after_paid: {
    title: 'Made void after it was paid',
    remedy:
      'The invoice was made void after it had been paid. Refund it in Dodo, or leave it and put it aside.',
  },
  credit_note_unrefunded: {
    title: 'A credit note was not refunded',
    remedy: 'A credit note of Lago was not refunded. More under “Refunds and credit notes”.',
  },
  too_many_steps: {
    title: 'It did not come to rest',
    remedy:
      'Settling did not come to an end: a fault of the bridge. Report it with the output of bridge explain.',
  },
  gave_up: {
    title: 'It was given up',
    remedy:
      'It failed for half an hour; the sweep tries again. The sentence says what went wrong. More under “Dead letters”.',
  },
  dodo_key_refused: {
    title: 'Dodo refuses our key',
    remedy: 'Dodo refuses DODO_API_KEY: wrong, read-only, or of the other mode. More under “Keys”.',
  },
  lago_key_refused: {
    title: 'Lago refuses our key',
    remedy: 'Lago refuses LAGO_API_KEY, or it lacks a permission. More under “Keys”.',
  },
  dodo_not_live: {
    title: 'Dodo has not approved the account',
    remedy: 'Dodo has not approved the account for live payments yet. Finish the approval.',
  },
  lago_refused: {
    title: 'Lago does not take what is written back',
    remedy:
      'Lago does not take what is written back, or its answer cannot be read. More under “Writing back to Lago”.',
  },
  lago_license: {
    title: 'Lago refuses for want of a licence',
    remedy:
      'Lago refuses for want of a premium licence. Set LAGO_LICENSE=auto. More under “Licences”.',
  },
  no_email: {
    title: 'No e-mail address',
    remedy: 'The customer has no e-mail address, where one is needed. Enter it in Lago.',
  },
  no_country: {
    title: 'No country',
    remedy: 'The customer has no country, where one is needed. Enter it in Lago.',
  },
  below_minimum: {
    title: 'Less than Dodo collects',
    remedy:
      'The amount is less than Dodo collects. Collect it by hand, or void it. More under “Before a checkout”.',
  },
  currency_unknown: {
    title: 'A currency that cannot be carried over',
    remedy: 'How both services count the currency is not known. Collect it by hand.',
  },
  adaptive_currency_on: {
    title: 'Adaptive currency is on',
    remedy:
      "Dodo would ask for another currency than the invoice's: switch adaptive currency off in Dodo > Settings > Business.",
  },
  price_tax_exclusive: {
    title: 'A price that is tax-exclusive',
    remedy: "Dodo would add its tax on top: set the product's price to tax-inclusive.",
  },
  price_changed: {
    title: 'A price that was changed',
    remedy:
      'Dodo would ask for another amount: restore the product, pay-what-you-want and without a discount.',
  },
  country_not_served: {
    title: 'A country that Dodo does not serve',
    remedy: "Dodo does not serve the customer's country. Correct it in Lago, or collect by hand.",
  },
  currency_not_enabled: {
    title: 'A currency that the Dodo account cannot charge',
    remedy:
      'The Dodo account cannot charge the currency, or no payment method takes it. Ask Dodo to enable it.',
  },
  product_minimum: {
    title: 'Below the minimum of the product',
    remedy:
      "The amount is below the minimum of the product in Dodo. Lower the product's price there.",
  },
  dodo_refused: {
    title: 'Dodo said no',
    remedy:
      "Dodo said no for a reason that the bridge has no advice for, in Dodo's words. Mend what they say.",
  },
  cart_changed: {
    title: 'A paid cart asks for something else',
    remedy:
      'A cart was paid and changed before it became an order: another amount, or another session; or it had become one with other money. Give the money back and let the shopper pay anew, or make the order in the shop by hand; put the cart right, and the next sweep completes it.',
  },
  cart_not_found: {
    title: 'A paid cart that the shop does not show',
    remedy:
      'The shop shows no such cart, so that nobody can tell whether it has an order. Let the token of OPENFRONT_TOKENS read orders (read_orders, no limit of addresses that keeps the bridge out); the next sweep looks again.',
  },
  cart_refused: {
    title: 'The shop makes no order of a paid cart',
    remedy:
      'The shop refused, in the words of the sentence; as published it makes no order of a provider that it does not know. Make the order in the shop by hand, or give the money back: it is not tried a second time.',
  },
  cart_refunded: {
    title: 'A paid cart whose money goes back in part',
    remedy:
      'A part of the money was given back, or the payment is disputed, before the cart became an order. Make the order in the shop by hand, or give the rest back; once a dispute is won, the next sweep completes the cart.',
  },
  cart_unresolved: {
    title: 'Whether a paid cart became an order is not known',
    remedy:
      'The shop did not answer, or was asked once to make an order of the cart and shows none. Look into the shop: make the order there, or give the money back. The bridge goes on looking, and never asks a second time.',
  },
  subscription_unpaid: {
    title: 'A subscription of HighLevel is unpaid',
    remedy:
      'A cycle was declined for good, or to the end of RETRY_SCHEDULE, and HighLevel was told that the subscription is unpaid. Have the customer pay that cycle otherwise, or cancel the subscription in HighLevel. The next cycle is charged when it is due, but with a card that was declined for good; this ends once one is paid.',
  },
  subscription_held: {
    title: 'A subscription of HighLevel is not charged',
    remedy:
      'The sentence says why: HighLevel asks for another amount than was agreed to, shows the subscription as paused or does not know it any more, its card cannot be charged, the app must be installed again, or a cycle came more than one interval late. Put it right in HighLevel, which is asked again each day, or cancel it there; a cycle that was passed over is yours to collect.',
  },
  untold: {
    title: 'Somebody could not be told',
    remedy:
      'Whoever an order is of could not be told what became of it, or does not take it: the sentence names what and why. Tell them by hand, then put it aside.',
  },
  account_gone: {
    title: 'A Dodo account is gone from the settings',
    remedy:
      "The order was opened on a Dodo account that the bridge is not configured for any more: DODO_TEST_API_KEY was taken out, or the secrets of a location's account cannot be read. Put the setting back.",
  },
  needs_install: {
    title: 'HighLevel takes no token of a location',
    remedy:
      "HighLevel refuses the bridge's tokens of the location, so nothing can be read there. Have the app installed there once more (/highlevel/install of the bridge's address); what waits goes on by itself within an interval of the sweep.",
  },
  dispute_lost: {
    title: 'A dispute was lost',
    remedy:
      'A dispute was lost, and the money went back. Collect it anew, or write it off and put it aside.',
  },
  credit_impossible: {
    title: 'A refund without a credit note',
    remedy:
      'A refund has no credit note, because Lago cannot hold one or refused it. More under “Refunds and credit notes”.',
  },
}

/** Where the documentation says more. */
export const anchorOf = (code: ReasonCode) => code.replaceAll('_', '-')
