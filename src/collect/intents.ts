import { eq } from 'drizzle-orm'

import type { Executor } from '../db/client.ts'
import { intents } from '../db/schema.ts'

/** The intent of a call whose result has no row of its own before it is known. */
export function intentOf(db: Executor, key: string) {
  const own = eq(intents.key, key)
  const write = (repeatableAt: Date) =>
    db
      .insert(intents)
      .values({ key, repeatableAt })
      .onConflictDoUpdate({ target: intents.key, set: { repeatableAt } })
  return {
    repeatableAt: async (): Promise<Date | undefined> => {
      const [row] = await db.select().from(intents).where(own)
      return row?.repeatableAt
    },
    intend: async (_body: unknown, repeatableAt: Date): Promise<boolean> => {
      await write(repeatableAt)
      return true
    },
    doubt: async (repeatableAt: Date): Promise<void> => {
      await write(repeatableAt)
    },
    forget: async (): Promise<void> => {
      await db.delete(intents).where(own)
    },
  }
}
