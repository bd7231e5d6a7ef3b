import type { Deps } from '../deps.ts'
import { Later } from '../errors.ts'

const TRY_AGAIN_MS = 400

/**
 * Makes sure that of all replicas only one looks for, or creates, the same thing at a time. Whoever comes
 * second tries again in a moment, and then finds what the first one made.
 */
export async function alone<Result>(
  { sql, now }: Pick<Deps, 'sql' | 'now'>,
  key: string,
  act: () => Promise<Result>,
): Promise<Result> {
  const connection = await sql.reserve()
  try {
    const [lock] = await connection<{ taken: boolean }[]>`
      select pg_try_advisory_lock(hashtextextended(${key}, 0)) as taken`
    if (!lock?.taken) {
      throw new Later(`another worker is creating ${key}`, new Date(now().getTime() + TRY_AGAIN_MS))
    }
    try {
      return await act()
    } finally {
      await connection`select pg_advisory_unlock(hashtextextended(${key}, 0))`
    }
  } finally {
    connection.release()
  }
}
