import { eq } from 'drizzle-orm'
import type { z } from 'zod'

import type { Database } from '../../db/client.ts'
import { findings } from '../../db/schema.ts'

/** How far one sweep may go. What it does not reach is left to the next one, which goes on from there. */
export type Allowance = { mayGoOn: () => boolean }

/** Until that moment, and at most so many pages. */
export function allow(pages: number, isOver: () => boolean): Allowance & { spend: () => void } {
  let left = pages
  return {
    mayGoOn: () => left > 0 && !isOver(),
    spend: () => {
      left -= 1
    },
  }
}

/** What a sweep remembered under that name, if anything that can be read. */
export async function recall<Shape extends z.ZodType>(
  db: Database,
  name: string,
  shape: Shape,
): Promise<z.infer<Shape> | undefined> {
  const [row] = await db
    .select()
    .from(findings)
    .where(eq(findings.name, `sweep:${name}`))
  return shape.safeParse(row?.value).data
}

/** Remembers how far a sweep came, also for another process. */
export async function remember(db: Database, name: string, value: unknown, at: Date) {
  const found = { value, foundAt: at }
  await db
    .insert(findings)
    .values({ name: `sweep:${name}`, ...found })
    .onConflictDoUpdate({ target: findings.name, set: found })
}
