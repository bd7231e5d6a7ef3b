import { describe, expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

import type { WebhookEventType } from 'dodopayments/resources/webhook-events'
import { Glob } from 'bun'
import type { LagoWebhookPayloads } from 'lago-javascript-client'

import { readDodoEvent, readLagoEvent } from '../../src/inbox/envelope.ts'
import { DODO_EVENTS as ASKED_OF_DODO } from '../../src/dodo/events.ts'
import { DODO_EVENTS, isKnownEvent, LAGO_EVENTS } from '../../src/inbox/events.ts'
import { LAGO_EVENTS as ASKED_OF_LAGO } from '../../src/lago/events.ts'
import { EVENT_TYPES } from '../../sandbox/lago/store/event-types.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const read = (path: string) => readFileSync(`${ROOT}/${path}`, 'utf8')

/** In Lago's API description, and in nothing that sends. */
type NeverSent = 'invoice.add_on_added'
type OfLago = { [Type in keyof LagoWebhookPayloads]: LagoWebhookPayloads[Type]['object_type'] }
/** What the services' own libraries know is what we know: the compiler compares the two. */
const lagoEvents = LAGO_EVENTS satisfies Omit<OfLago, NeverSent>
const dodoEvents = Object.keys({
  'payment.succeeded': 1,
  'payment.failed': 1,
  'payment.processing': 1,
  'payment.cancelled': 1,
  'refund.succeeded': 1,
  'refund.failed': 1,
  'dispute.opened': 1,
  'dispute.expired': 1,
  'dispute.accepted': 1,
  'dispute.cancelled': 1,
  'dispute.challenged': 1,
  'dispute.won': 1,
  'dispute.lost': 1,
  'subscription.active': 1,
  'subscription.renewed': 1,
  'subscription.on_hold': 1,
  'subscription.past_due': 1,
  'subscription.paused': 1,
  'subscription.unpaused': 1,
  'subscription.cancelled': 1,
  'subscription.failed': 1,
  'subscription.expired': 1,
  'subscription.plan_changed': 1,
  'subscription.updated': 1,
  'subscription.update_payment_method': 1,
  'license_key.created': 1,
  'payout.created': 1,
  'payout.on_hold': 1,
  'payout.in_progress': 1,
  'payout.failed': 1,
  'payout.success': 1,
  'credit.added': 1,
  'credit.deducted': 1,
  'credit.expired': 1,
  'credit.rolled_over': 1,
  'credit.rollover_forfeited': 1,
  'credit.overage_charged': 1,
  'credit.overage_reset': 1,
  'credit.manual_adjustment': 1,
  'credit.balance_low': 1,
  'abandoned_checkout.detected': 1,
  'abandoned_checkout.recovered': 1,
  'dunning.started': 1,
  'dunning.recovered': 1,
  'entitlement_grant.created': 1,
  'entitlement_grant.delivered': 1,
  'entitlement_grant.failed': 1,
  'entitlement_grant.revoked': 1,
} satisfies Record<WebhookEventType, 1>)

/** What each object of Lago's says of itself, as its serialisers write it, where it says anything that we look for. */
const LAGO_OBJECTS: Record<string, object[]> = {
  invoice: [{ lago_id: 'i1' }],
  payment_provider_invoice_payment_error: [
    { lago_invoice_id: 'i1', external_customer_id: 'acct_1' },
  ],
  payment_dispute_lost: [{ invoice: { lago_id: 'i1' } }],
  credit_note: [{ lago_id: 'n1', lago_invoice_id: 'i1' }],
  customer: [{ lago_id: 'c1', external_id: 'acct_1' }],
  payment_request: [{ lago_id: 'r1', invoices: [{ lago_id: 'i1' }] }],
  payment_provider_payment_request_payment_error: [
    { lago_payment_request_id: 'r1', lago_invoice_ids: ['i1'] },
  ],
  wallet_transaction: [
    { lago_id: 't1', lago_invoice_id: null, invoice_requires_successful_payment: true },
    { lago_id: 't1', lago_invoice_id: 'i1', invoice_requires_successful_payment: false },
  ],
  payment: [{ lago_id: 'p1', invoice_ids: ['i1'], lago_payable_id: 'i1' }],
  payment_receipt: [{ lago_id: 'x1', payment: { lago_id: 'p1', invoice_ids: ['i1'] } }],
  subscription: [{ lago_id: 's1', external_id: 'sub_1', customer: { external_id: 'acct_1' } }],
  fee: [{ lago_id: 'f1', lago_invoice_id: 'i1' }],
}
const ANY_OBJECT = [{ lago_id: 'x1', external_customer_id: 'acct_1' }]

const wokenByLago = (type: string, objectType: string): string[] =>
  (LAGO_OBJECTS[objectType] ?? ANY_OBJECT).flatMap((object) => {
    const body = { webhook_type: type, object_type: objectType, [objectType]: object }
    return readLagoEvent(Buffer.from(JSON.stringify(body))).wakes ?? []
  })

const DODO_OBJECTS: Record<string, object[]> = {
  payment: [
    { payment_id: 'pay_1', metadata: { lago_invoice_id: 'i1' } },
    { payment_id: 'pay_1', metadata: {} },
  ],
  refund: [{ refund_id: 'ref_1', payment_id: 'pay_1', metadata: { lago_invoice_id: 'i1' } }],
  dispute: [{ dispute_id: 'dp_1', payment_id: 'pay_1' }],
  subscription: [{ subscription_id: 'sub_1', metadata: { lago_invoice_id: 'i1' } }],
  abandoned_checkout: [{ payment_id: 'pay_1', recovered_payment_id: null }],
  dunning: [{ subscription_id: 'sub_1', payment_id: 'pay_1' }],
  license_key: [{ payment_id: 'pay_1', subscription_id: null }],
  entitlement_grant: [{ payment_id: 'pay_1', metadata: { lago_invoice_id: 'i1' } }],
}
const wokenByDodo = (type: string): string[] =>
  (DODO_OBJECTS[type.split('.')[0] ?? ''] ?? [{}]).flatMap(
    (data) => readDodoEvent(Buffer.from(JSON.stringify({ type, data }))).wakes ?? [],
  )

const page = read('docs/events.md')
const [lagoPart = '', dodoPart = ''] = page.split('\n## Dodo\n')
const rowsOf = (part: string) =>
  Array.from(part.matchAll(/^\| `([a-z_]+\.[a-z_]+)` \|(.*)\|$/gm), ([, type = '', rest = '']) => {
    const cells = rest.split('|').map((cell) => cell.trim())
    const [send = '', wakes = '', what = ''] = cells.slice(-3)
    const woken = Array.from(wakes.matchAll(/`([a-z]+)`/g), ([, job = '']) => job)
    return { type, send, woken, what, since: cells.length > 3 ? cells[0] : undefined }
  })
const lagoRows = rowsOf(lagoPart)
const dodoRows = rowsOf(dodoPart)

describe('docs/events.md', () => {
  test('tells of every event type of Lago, once', () => {
    expect(lagoRows.map(({ type }) => type).toSorted()).toEqual(Object.keys(lagoEvents).toSorted())
  })

  test('tells of every event type of Dodo, once', () => {
    expect(dodoRows.map(({ type }) => type).toSorted()).toEqual(dodoEvents.toSorted())
    expect([...DODO_EVENTS].toSorted()).toEqual(dodoEvents.toSorted())
  })

  test.each(lagoRows)('of Lago’s $type says what it wakes', ({ type, woken, what }) => {
    const objectType = LAGO_EVENTS[type as keyof typeof LAGO_EVENTS]

    expect(wokenByLago(type, objectType)).toEqual(woken)
    if (woken.length === 0) expect(what).toMatch(/^(kept|the same)/)
  })

  test.each(dodoRows)('of Dodo’s $type says what it wakes', ({ type, woken, what }) => {
    expect(wokenByDodo(type)).toEqual(woken)
    if (woken.length === 0) expect(what).toMatch(/^kept/)
  })

  test('marks as read the events whose type the code goes by, and no other', () => {
    const known = new Set([...Object.keys(LAGO_EVENTS), ...DODO_EVENTS])
    const gone = new Set(
      [...new Glob('src/**/*.ts').scanSync(ROOT)]
        // Lists of all events, or of those that are asked for, and what we tell ourselves: nothing goes by them.
        .filter(
          (path) =>
            !/^src\/(?:(?:inbox|lago|dodo)\/events\.ts|alert-types\.ts|notify|metrics|doctor|setup|billers\/highlevel|(?:billers|http)\/openfront|openfront)/.test(
              path,
            ),
        )
        .flatMap((path) => Array.from(read(path).matchAll(/'([a-z_]+\.[a-z_]+)'/g)))
        .flatMap(([, text = '']) => (known.has(text) ? [text] : [])),
    )
    const marked = [...lagoRows, ...dodoRows].filter(({ what }) => what.includes('**read**'))

    expect(marked.map(({ type }) => type).toSorted()).toEqual([...gone].toSorted())
  })

  test('marks as sent what setup asks for', () => {
    for (const { type, send } of lagoRows)
      expect(`${type} ${send}`).toBe(`${type} ${ASKED_OF_LAGO.includes(type) ? '**send**' : ''}`)
    for (const { type, send } of dodoRows)
      expect(`${type} ${send}`).toBe(`${type} ${ASKED_OF_DODO.includes(type) ? '**send**' : ''}`)
  })
})

describe('the events that the bridge knows', () => {
  test('are those that Lago takes as a filter, but for one that it sends under another name', () => {
    const sent = [...EVENT_TYPES].map((name) =>
      name === 'credit_note.provider_refund_failure' ? 'credit_note.refund_failure' : name,
    )

    expect(Object.keys(LAGO_EVENTS).toSorted()).toEqual(sent.toSorted())
  })

  test('are not those of the other service, nor what every object has', () => {
    expect(isKnownEvent('lago', 'refund.succeeded')).toBe(false)
    expect(isKnownEvent('dodo', 'invoice.created')).toBe(false)
    expect(isKnownEvent('lago', 'constructor')).toBe(false)
  })
})
