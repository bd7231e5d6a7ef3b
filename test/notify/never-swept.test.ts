import { expect, test } from 'bun:test'
import { eq } from 'drizzle-orm'

import { findings } from '../../src/db/schema.ts'
import { findConditions } from '../../src/notify/conditions.ts'
import { watchOnce } from '../../src/notify/watch.ts'
import { inWorld } from '../report/support.ts'

const DAY_MS = 24 * 3_600_000

test('an installation whose sweeps have all failed since its first day says so', () =>
  inWorld({}, async (world) => {
    const { deps } = world.bridge
    await world.quiet()
    await watchOnce(deps, { isForced: true })
    await deps.db.delete(findings).where(eq(findings.name, 'last_sweep'))
    const [begun] = await deps.db.select().from(findings).where(eq(findings.name, 'watch'))
    const lateAt = async (now: Date) => {
      const found = await findConditions({ db: deps.db, config: deps.config, now })
      return found.filter(({ type }) => type === 'sweep.late').map(({ text }) => text)
    }

    expect(await lateAt(deps.now())).toEqual([])
    expect(await lateAt(new Date(deps.now().getTime() + DAY_MS))).toEqual([
      `▲ no sweep was completed since ${String(begun?.value)}: lost webhooks are not found`,
    ])
  }))
