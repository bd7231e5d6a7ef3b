import type postgres from 'postgres'

import { Later } from '../errors.ts'

const TRY_AGAIN_MS = 400

export type Alone = <Result>(key: string, act: () => Promise<Result>) => Promise<Result>

/**
 * Makes sure that of all replicas only one looks for, or creates, the same thing at a time. Whoever comes
 * second tries again in a moment, and then finds what the first one made. All locks are held on one
 * connection of their own: a vendor that hangs must not use up the pool that acknowledges webhooks.
 */
export function createAlone(connection: postgres.Sql, now: () => Date): Alone {
  const held = new Set<string>()
  const taken = (key: string) =>
    new Later(`somebody else is creating ${key}`, new Date(now().getTime() + TRY_AGAIN_MS))

  return async function alone(key, act) {
    // A session may take its own lock twice, so within the process we keep count ourselves.
    if (held.has(key)) throw taken(key)
    held.add(key)
    try {
      const [lock] = await connection<{ isOurs: boolean }[]>`
        select pg_try_advisory_lock(hashtextextended(${key}, 0)) as "isOurs"`
      if (!lock?.isOurs) throw taken(key)
      try {
        return await act()
      } finally {
        await connection`select pg_advisory_unlock(hashtextextended(${key}, 0))`
      }
    } finally {
      held.delete(key)
    }
  }
}
