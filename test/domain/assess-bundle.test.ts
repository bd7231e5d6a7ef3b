import { describe, expect, test } from 'bun:test'
import * as fc from 'fast-check'

import { assessRequest, sumOf } from '../../src/billers/lago/decide/assess-request.ts'
import { memberOf } from '../../src/billers/lago/decide/members.ts'
import type { Attempt, Payment } from '../../src/collect/ledger.ts'
import type { Invoice, InvoiceLedger as Ledger } from '../../src/billers/lago/decide/invoice.ts'
import { caseArbitrary } from './case-arbitrary.ts'
import { attempt, ended, invoice, ledger, NOW, payment, policy, recording } from './builders.ts'

type Named = { fields?: Partial<Invoice>; held?: Partial<Ledger> }

const member = ({ fields = {}, held = {} }: Named) =>
  memberOf({ ...invoice(fields), number: 'ACM-1' }, ledger(held), NOW, policy())
const standing = (members: Named[], attempts: Attempt[] = [], payments: Payment[] = []) => {
  const all = members.map(member)
  return { ...assessRequest({ attempts, payments }, all, 'USD'), amountDue: sumOf(all) }
}

const DUE = {}
const PAID = { fields: { paymentStatus: 'succeeded', paid: 10_800 } }
const VOID = { fields: { status: 'voided' } }
const charging = attempt({ kind: 'charge', dodoSessionId: null, expiresAt: null })
const open = attempt({ receivableId: 'request_1' })

describe('a payment request', () => {
  test('of which something may be paid is open for exactly that', () => {
    expect(standing([DUE, PAID, VOID], [open])).toEqual({
      state: 'open',
      reason: 'waiting for the customer to pay 108.00 USD',
      amountDue: 10_800,
      isPayable: true,
    })
    expect(standing([DUE, DUE], [{ ...open, status: 'expired' }])).toMatchObject({
      state: 'open',
      reason: 'the checkout is over; the pay link opens a new one for 216.00 USD',
    })
  })

  test.each<[string, string, string, Named]>([
    ['its card is charged', 'processing', 'saved card', { held: { attempts: [charging] } }],
    [
      'the bank is at it',
      'processing',
      'bank',
      { held: { attempts: [attempt()], payments: [payment({ status: 'processing' })] } },
    ],
    [
      'the customer is about to confirm it',
      'open',
      'about to pay',
      {
        held: {
          attempts: [attempt()],
          payments: [payment({ status: 'requires_customer_action' })],
        },
      },
    ],
    [
      'its payment is not recorded yet',
      'processing',
      'recorded',
      { held: { attempts: [ended('paid')], payments: [payment()] } },
    ],
    [
      'its payment is held',
      'attention',
      'held',
      {
        held: {
          attempts: [ended('paid')],
          payments: [payment()],
          recordings: [recording({ status: 'held', disposition: 'mismatch', amount: 0 })],
        },
      },
    ],
  ])('is not paid while of one invoice %s', (_, state, reason, one) => {
    const shown = standing([PAID, one])

    expect(shown).toMatchObject({ state, amountDue: 0, isPayable: false })
    expect(shown.reason).toContain(reason)
    // What else is due may be paid meanwhile.
    expect(standing([DUE, one])).toMatchObject({
      state: 'open',
      amountDue: 10_800,
      isPayable: true,
    })
  })

  test('whose own checkout is being paid is not handed out for what else is due by now', () => {
    expect(standing([DUE], [open], [payment()])).toMatchObject({
      state: 'processing',
      isPayable: false,
    })
  })

  test('is paid when Lago says so of its invoices, those aside that are void or owe nothing', () => {
    expect(standing([PAID, PAID]).state).toBe('paid')
    expect(standing([PAID, VOID, { fields: { total: 0 } }])).toMatchObject({
      state: 'paid',
      reason: '1 of 3 paid in Lago, 1 void',
    })
  })

  test('is void when all are, and skipped when what is owed is not ours to collect', () => {
    expect(standing([VOID, VOID]).state).toBe('void')
    for (const fields of [
      { nativeProvider: 'stripe' },
      { isSelfBilled: true },
      { status: 'draft' },
    ])
      expect(standing([PAID, { fields }]).state).toBe('skipped')
    const hidden = memberOf(undefined, ledger(), NOW, policy())
    expect(assessRequest({ attempts: [], payments: [] }, [hidden], 'USD').state).toBe('skipped')
  })

  test('is never called paid while Lago says of an invoice that it is owed', () => {
    fc.assert(
      fc.property(fc.array(caseArbitrary, { minLength: 1, maxLength: 3 }), (cases) => {
        const now = new Date(Math.max(...cases.map((one) => one.now.getTime())))
        const members = cases.map((one) =>
          memberOf({ ...one.invoice, number: 'ACM-1' }, one.ledger, now, policy()),
        )
        const { state, isPayable } = assessRequest({ attempts: [], payments: [] }, members, 'USD')
        const amountDue = sumOf(members)
        const isOwed = cases.some(
          ({ invoice: { status, paymentStatus, due, type } }) =>
            status === 'finalized' &&
            paymentStatus !== 'succeeded' &&
            due > 0 &&
            type !== 'advance_charges',
        )
        if (isOwed) expect(['paid', 'void']).not.toContain(state)
        expect(isPayable).toBe(amountDue > 0)
      }),
      { numRuns: 1_000 },
    )
  })
})
