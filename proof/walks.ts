import type { Act } from './model/acts.ts'
import type { Setting } from './model/places.ts'

/** A story that is always told the same way. */
export type Walk = { name: string; setting: Setting; acts: readonly Act[] }

const act = (name: Act['name'], invoice = 0, amount = 700): Act => ({ name, invoice, amount })
const rest = act('all comes to rest')
const CHECKOUT: Setting = {
  biller: 'lago',
  collection: 'checkout',
  duplicates: 'refund',
  isFree: false,
}

/** Stories that come past every call that the bridge makes while it settles. */
export const WALKS = [
  {
    name: 'paid, refunded and credited',
    setting: CHECKOUT,
    acts: [
      act('the customer pays'),
      rest,
      act('the merchant refunds in Dodo'),
      rest,
      act('the merchant issues a credit note'),
      rest,
    ],
  },
  {
    name: 'declined, paid twice and given back',
    setting: CHECKOUT,
    acts: [
      act('the card is declined'),
      rest,
      act('the customer opens the pay link'),
      rest,
      act('the customer pays'),
      act('the customer pays in an older tab'),
      rest,
    ],
  },
  {
    name: 'a card is saved, charged and declined',
    setting: { ...CHECKOUT, collection: 'automatic' },
    acts: [
      act('the customer pays'),
      rest,
      act('Lago bills the same customer again'),
      rest,
      act('charges of the card are declined from now on'),
      act('Lago bills the same customer again'),
      rest,
    ],
  },
  {
    name: 'a Lago without a licence',
    setting: { ...CHECKOUT, isFree: true },
    acts: [act('the customer pays'), rest, act('the merchant refunds in Dodo'), rest],
  },
  {
    name: 'paid twice and held',
    setting: { ...CHECKOUT, duplicates: 'hold' },
    acts: [
      act('the card is declined'),
      rest,
      act('the customer opens the pay link'),
      rest,
      act('the customer pays'),
      act('the customer pays in an older tab'),
      rest,
    ],
  },
  {
    name: 'credited late',
    setting: CHECKOUT,
    acts: [
      act('the customer pays'),
      rest,
      act('Lago is too slow to answer, and does it later'),
      act('the merchant refunds in Dodo'),
      rest,
      act('what was slow is done'),
      rest,
      act('two minutes pass'),
      rest,
    ],
  },
  {
    name: 'refunded late',
    setting: CHECKOUT,
    acts: [
      act('the customer pays'),
      rest,
      act('Dodo is too slow to answer, and does it later'),
      act('the merchant issues a credit note'),
      rest,
      act('a sweep runs'),
      rest,
      act('what was slow is done'),
      act('two minutes pass'),
      rest,
    ],
  },
  {
    name: 'paid, and written down by hand',
    setting: CHECKOUT,
    acts: [
      act('webhooks are lost from now on'),
      act('the customer pays'),
      act('some seconds pass'),
      act('the merchant records a payment by hand', 0, 5_000),
      act('a sweep runs'),
      rest,
    ],
  },
  {
    name: 'a charge is refused, and the card is good',
    setting: { ...CHECKOUT, collection: 'automatic' },
    acts: [
      act('the customer pays'),
      rest,
      act('Dodo refuses the next charge for what it is about'),
      act('Lago bills the same customer again'),
      rest,
      act('Lago bills the same customer again'),
      rest,
    ],
  },
] as const satisfies readonly Walk[]

export type WalkName = (typeof WALKS)[number]['name']
