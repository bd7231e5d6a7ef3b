import { describe, expect, test } from 'bun:test'
import { sql } from 'drizzle-orm'

import { listAttention } from '../../src/report/attention.ts'
import { listDisputes } from '../../src/report/dashboard/disputes.ts'
import { shareWorld } from '../support/world.ts'

const MANY = 10_001

describe('a list that a program reads has no end but its own', () => {
  const shared = shareWorld()

  test('bridge attention --json names everything that needs a person', async () => {
    const { deps } = shared.world.bridge
    await deps.db.execute(sql`
      insert into receivables (receivable_id, state, reason, reason_code, pay_token, created_at)
      select 'many_' || n, 'attention', 'no country', 'no_country', 'token_' || n, now()
      from generate_series(1, ${MANY}) n`)
    const lines: string[] = []

    const exitCode = await listAttention(deps, (line) => lines.push(line), { isJson: true })

    const items = JSON.parse(lines.join('\n')) as { id: string }[]
    expect(exitCode).toBe(1)
    expect(new Set(items.map(({ id }) => id)).size).toBe(MANY)
    expect(items).toHaveLength(MANY)
  })

  test('an old dispute is found by its outcome among however many newer ones', async () => {
    const { db } = shared.world.bridge.deps
    await db.execute(sql`
      insert into disputes
        (dodo_dispute_id, dodo_payment_id, status, stage, amount, currency, opened_at, observed_at)
      select 'dp_' || n, 'pay_' || n, case when n = 1 then 'dispute_opened' when n = 2 then 'dispute_lost' else 'dispute_won' end,
        'dispute', '1000', 'USD', now() - interval '1 year' + n * interval '1 minute', now()
      from generate_series(1, 1500) n`)
    const idsOf = async (outcome?: string) =>
      (await listDisputes(db, { outcome })).map(({ dodoDisputeId }) => dodoDisputeId)

    expect(await idsOf('open')).toEqual(['dp_1'])
    expect(await idsOf('lost')).toEqual(['dp_2'])
    const all = await idsOf()
    expect(all).toHaveLength(1_500)
    expect(all.slice(0, 2)).toEqual(['dp_1', 'dp_1500'])
  })
})
