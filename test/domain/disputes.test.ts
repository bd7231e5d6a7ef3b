import { describe, expect, test } from 'bun:test'

import { decide } from '../../src/billers/lago/decide/decide.ts'
import type { Dispute } from '../../src/collect/ledger.ts'
import type { Invoice } from '../../src/billers/lago/decide/invoice.ts'
import {
  dispute,
  ended,
  ledger,
  NOW,
  paidInvoice,
  paidLedger,
  payment,
  policy,
  recording,
} from './builders.ts'

const disputed = (fields: Partial<Dispute>, about: Partial<Invoice> = {}) => {
  const disputes = [dispute(fields)]
  const held = paidLedger({ payments: [payment({ disputes })] })
  return decide(paidInvoice(about), held, policy(), NOW)
}

describe('a dispute', () => {
  test.each(['dispute_lost', 'dispute_accepted', 'dispute_expired'])(
    'that is %s is told to Lago, once',
    (status) => {
      expect(disputed({ status })).toEqual({ do: 'lose_dispute', dodoDisputeId: 'dp_1' })
      expect(disputed({ status }, { isDisputeLost: true }).do).toBe('rest')
    },
  )

  test.each([
    [false, 'the money went back'],
    [true, 'Visa gave the money back by itself'],
  ])('that was lost wants a person afterwards (by Visa RDR: %p)', (isByRdr, how) => {
    const step = disputed({ status: 'dispute_lost', isByRdr }, { isDisputeLost: true })

    expect(step).toMatchObject({
      standing: {
        state: 'attention',
        reason: `dispute dp_1 was lost and ${how}: Lago shows it as lost; collect it anew or write it off`,
      },
    })
  })

  test.each(['dispute_opened', 'dispute_challenged', 'a_word_of_next_year'])(
    'that is %s is shown, and Lago is not told',
    (status) => {
      expect(disputed({ status, stage: 'pre_arbitration' })).toMatchObject({
        do: 'rest',
        standing: {
          state: 'attention',
          reason: 'payment pay_1 is disputed (dp_1, pre_arbitration): answer it in Dodo',
        },
      })
    },
  )

  test.each(['dispute_won', 'dispute_cancelled'])('that is %s is no trouble any more', (status) => {
    expect(disputed({ status })).toMatchObject({ do: 'rest', standing: { state: 'paid' } })
  })

  test('of a void invoice is told as well, of any other that Lago does not take it for is not', () => {
    expect(disputed({ status: 'dispute_lost' }, { status: 'voided' }).do).toBe('lose_dispute')
    expect(disputed({ status: 'dispute_lost' }, { status: 'draft' }).do).not.toBe('lose_dispute')
  })

  test('about money that Lago never held is not told', () => {
    const held = ledger({
      attempts: [ended('paid')],
      payments: [payment({ disputes: [dispute({ status: 'dispute_lost' })] })],
      recordings: [recording({ status: 'held', disposition: 'late', amount: 0 })],
    })

    expect(decide(paidInvoice({ status: 'voided' }), held, policy(), NOW).do).toBe('rest')
  })

  test('that was lost beside one that was won is lost', () => {
    const disputes = [
      dispute({ dodoDisputeId: 'dp_0', status: 'dispute_won' }),
      dispute({ status: 'dispute_lost' }),
    ]
    const held = paidLedger({ payments: [payment({ disputes })] })

    expect(decide(paidInvoice(), held, policy(), NOW)).toMatchObject({ dodoDisputeId: 'dp_1' })
  })
})
