import { eq } from 'drizzle-orm'

import { note } from '../collect/timeline.ts'
import { receivables } from '../db/schema.ts'
import type { Deps } from '../deps.ts'
import type { Outcome } from './audit.ts'

/**
 * Notes that somebody has looked at what needs a person: it moves down the list until its reason is another one, and
 * is never removed by that.
 */
export async function markSeen(
  { db, now }: Pick<Deps, 'db' | 'now'>,
  receivableId: string,
  { who, note: said }: { who: string; note?: string | undefined },
): Promise<Outcome> {
  const at = now()
  return db.transaction(async (tx) => {
    const isMeant = eq(receivables.receivableId, receivableId)
    const [row] = await tx.select().from(receivables).where(isMeant).for('update')
    if (!row) return { isDone: false, said: 'the bridge does not know this invoice' }
    if (row.state !== 'attention')
      return { isDone: false, said: `nothing needs a person: it is ${row.state}` }
    await tx
      .update(receivables)
      .set({ seenReason: row.reason, seenBy: who, seenAt: at, seenNote: said ?? null })
      .where(isMeant)
    await note(tx, receivableId, `seen by ${who}${said ? `: ${said}` : ''}`, at)
    return { isDone: true, said: 'it is noted as seen, until its reason is another one' }
  })
}
