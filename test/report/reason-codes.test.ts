import { describe, expect, test } from 'bun:test'

import { classify } from '../../src/metrics/findings.ts'
import { anchorOf, reasonCodeOf } from '../../src/report/reason-codes.ts'

const HELD = '50.00 USD of payment pay_1 is held, not recorded: '
const ADVICE = '; refund it in Dodo, or settle it by hand'

describe('reasonCodeOf', () => {
  test.each([
    [
      '0.10 USD is less than the 0.50 USD that Dodo collects at least: collect it by hand',
      'below_minimum',
    ],
    ['KWD cannot be collected: how both services count it is not known', 'currency_unknown'],
    [
      'Dodo would ask for 9 EUR where 10 USD is due: switch adaptive currency off in Dodo',
      'adaptive_currency_on',
    ],
    [
      'Dodo would ask for 12 USD where 10 USD is due: make product pdt_1 tax-inclusive',
      'price_tax_exclusive',
    ],
    [
      'Dodo would ask for 9 USD where 10 USD is due: check the price and the discounts of it',
      'price_changed',
    ],
    [
      'Dodo refuses DODO_API_KEY (401): is it of the mode that DODO_ENVIRONMENT names?',
      'dodo_key_refused',
    ],
    ["Dodo does not serve the customer's country (KP): correct it in Lago", 'country_not_served'],
    ['no payment method in Dodo takes XAF', 'currency_not_enabled'],
    ['the amount is below the minimum of the product in Dodo', 'product_minimum'],
    ['Dodo has not approved this account for live payments yet', 'dodo_not_live'],
    ['Dodo answered 422 to POST /checkouts: INVALID_REQUEST', 'dodo_refused'],
    ['DODO_API_URL redirects to https://elsewhere.example: set it to that', 'dodo_refused'],
    [`${HELD}the invoice was paid by pay_2${ADVICE}`, 'held_duplicate'],
    [`${HELD}Lago already held the invoice as paid by other means${ADVICE}`, 'held_duplicate'],
    [`${HELD}it is more than was due${ADVICE}`, 'held_overpaid'],
    [`${HELD}the invoice is void in Lago${ADVICE}`, 'held_late'],
    [`${HELD}it was not made through a checkout that the bridge opened${ADVICE}`, 'held_mismatch'],
    [
      '50.00 USD of payment pay_1 could not be refunded (Dodo could not carry it out): why',
      'refund_failed',
    ],
    [
      '50.00 USD of payment pay_1 could not be refunded (the window is over): why',
      'refund_refused',
    ],
    [
      "5.00 USD of payment pay_1 could not be refunded yet: Dodo's balance does not cover it",
      'refund_refused',
    ],
    [
      'the invoice was made void after 5.00 USD had been paid with pay_1: refund it',
      'void_after_paid',
    ],
    [
      'refund ref_1 has no credit note: a Lago without a premium licence holds no credit notes',
      'credit_impossible',
    ],
    [
      'refund ref_1 failed after Lago had credited it: its credit note is marked failed',
      'credit_reversed',
    ],
    ['credit note ACM-1-CN1 was not refunded: Dodo refused it', 'credit_note_unrefunded'],
    ['payment pay_1 is disputed (dp_1, dispute): answer it in Dodo', 'dispute_open'],
    ['dispute dp_1 was lost and the money went back: Lago shows it as lost', 'dispute_lost'],
    ['dispute dp_1 was lost, and this Lago cannot be told: it knows lost disputes', 'dispute_lost'],
    ['payment pay_1 names an invoice that Lago does not have', 'invoice_unknown'],
    ['Lago refuses payments for want of a premium licence: set LAGO_LICENSE=auto', 'lago_license'],
    ['Lago does not record payment pay_1: Lago answered 422', 'lago_refused'],
    ['Lago refuses LAGO_API_KEY (401): is it of this Lago?', 'lago_key_refused'],
    ["Lago's answer to GET /invoices/1 cannot be read: total_due_amount_cents", 'lago_refused'],
    ['gave up for now, the sweep tries again: Dodo answered 500', 'gave_up'],
    ['settling did not come to an end within 40 steps: please report this', 'too_many_steps'],
  ] as const)('%s', (reason, code) => {
    expect(reasonCodeOf(reason)).toBe(code)
  })

  test('its anchor has hyphens', () => {
    expect(anchorOf('void_after_paid')).toBe('void-after-paid')
  })
})

describe('what a sweep found', () => {
  test.each([
    ['Dodo payment pay_1 (succeeded) was not known', 'payment', { source: 'dodo', id: 'pay_1' }],
    ['Dodo payment pay_1 is succeeded, not processing', 'payment', { source: 'dodo', id: 'pay_1' }],
    ['Dodo refund ref_1 is succeeded, not known', 'refund', { source: 'dodo', id: 'ref_1' }],
    ['Dodo dispute dp_1 is dispute_opened, not known', 'dispute', { source: 'dodo', id: 'dp_1' }],
    ['mandate sub_1 is on_hold, not active', 'mandate', undefined],
    ['invoice ACM-1 was not known', 'invoice', { source: 'lago', id: 'inv_1' }],
    ['invoice ACM-1 changed in Lago', 'invoice_changed', undefined],
    ['credit note cn_1 wants a refund', 'credit_note', { source: 'lago', id: 'cn_1' }],
    ['payment request req_1 was not known', 'payment_request', { source: 'lago', id: 'req_1' }],
    ['top-up wtx_1 was not known', 'top_up', { source: 'lago', id: 'wtx_1' }],
    ['an attempt is not finished', 'unfinished', undefined],
    ['something that nobody has said before', 'other', undefined],
  ] as const)('%s', (what, kind, suspect) => {
    const classified = classify({ lagoInvoiceId: 'inv_1', what })

    expect(classified).toEqual(suspect ? { kind, suspect } : { kind })
  })
})
