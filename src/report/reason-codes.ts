/**
 * Why a person must look, as a stable name: a label of metrics, an anchor in docs/operations.md (underscores become
 * hyphens), and what notifications and the API say beside the sentence.
 */
export const REASON_CODES = [
  'no_email',
  'no_country',
  'below_minimum',
  'currency_unknown',
  'adaptive_currency_on',
  'price_tax_exclusive',
  'price_changed',
  'dodo_key_refused',
  'country_not_served',
  'currency_not_enabled',
  'product_minimum',
  'dodo_not_live',
  'dodo_refused',
  'held_duplicate',
  'held_overpaid',
  'held_late',
  'held_mismatch',
  'void_after_paid',
  'refund_refused',
  'refund_failed',
  'credit_impossible',
  'credit_reversed',
  'credit_note_unrefunded',
  'dispute_open',
  'dispute_lost',
  'lago_refused',
  'lago_license',
  'lago_key_refused',
  'invoice_unknown',
  'gave_up',
  'too_many_steps',
] as const

export type ReasonCode = (typeof REASON_CODES)[number]

/**
 * How the sentences that the bridge writes begin, or what they say, the first that fits. Sentences of the two
 * services come last, because a sentence of ours may repeat theirs.
 */
const SENTENCES: readonly (readonly [RegExp, ReasonCode])[] = [
  [/^gave up for now/, 'gave_up'],
  [/did not come to (?:an end|rest)/, 'too_many_steps'],
  [
    / is held, not recorded: (?:the invoice was paid by|nothing was due|Lago already held)/,
    'held_duplicate',
  ],
  [/ is held, not recorded: it is more than was due/, 'held_overpaid'],
  [/ is held, not recorded: the invoice is void/, 'held_late'],
  [/ is held, not recorded: |^money that was paid for an invoice of it is held/, 'held_mismatch'],
  [/ could not be refunded \(Dodo could not carry it out/, 'refund_failed'],
  [/ could not be refunded (?:yet: |\()/, 'refund_refused'],
  [/^the invoice was made void after /, 'void_after_paid'],
  [/^refund \S+ has no credit note: /, 'credit_impossible'],
  [/^refund \S+ failed after Lago had credited it/, 'credit_reversed'],
  [/^credit note .+ was not refunded: /, 'credit_note_unrefunded'],
  [/ is disputed \(/, 'dispute_open'],
  [/^dispute \S+ was lost/, 'dispute_lost'],
  [/ names an invoice that Lago does not have$/, 'invoice_unknown'],
  [/premium licence/, 'lago_license'],
  [/^Lago does not record payment /, 'lago_refused'],
  [/^(?:Lago refuses|Lago does not let) LAGO_API_KEY|^Lago answered 40[13] /, 'lago_key_refused'],
  [/that Dodo collects at least/, 'below_minimum'],
  [/^[A-Z]{3} cannot be collected/, 'currency_unknown'],
  [/switch adaptive currency off/, 'adaptive_currency_on'],
  [/tax-inclusive/, 'price_tax_exclusive'],
  [/check the price and the discounts/, 'price_changed'],
  [/^Dodo refuses DODO_API_KEY|^Dodo answered 40[13] /, 'dodo_key_refused'],
  [/^Dodo does not serve /, 'country_not_served'],
  [/cannot charge |^no payment method in Dodo/, 'currency_not_enabled'],
  [/below the minimum of the product|less than Dodo can charge/, 'product_minimum'],
  [/has not approved this account/, 'dodo_not_live'],
  [/Dodo|DODO_/, 'dodo_refused'],
  [/Lago|LAGO_/, 'lago_refused'],
]

/** The code of a sentence that puts something before a person. What nobody has a name for is a fault of ours. */
export const reasonCodeOf = (reason: string): ReasonCode =>
  SENTENCES.find(([sentence]) => sentence.test(reason))?.[1] ?? 'gave_up'

/** The anchor of its paragraph in docs/operations.md. */
export const anchorOf = (code: string) => code.replaceAll('_', '-')
