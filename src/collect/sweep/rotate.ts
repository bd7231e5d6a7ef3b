import { z } from 'zod'

import type { Deps } from '../deps.ts'
import { recall, remember } from './progress.ts'

/** Some of the rows whose key comes after `after`, in the order of their keys. */
export type Finder<Row> = (
  deps: Pick<Deps, 'db' | 'now'>,
  after: string,
  limit: number,
) => Promise<(Row & { cursor: string | null })[]>

type Rotating = Pick<Deps, 'db' | 'now'> & { isDryRun: boolean; isThorough: boolean }

/**
 * Takes some rows at each sweep and goes on after them at the next one, so that none of them, whatever becomes of
 * it, hides the others. A thorough sweep takes all.
 */
export async function takeTurns<Row>(
  deps: Rotating,
  name: string,
  { find, limit }: { find: Finder<Row>; limit: number },
): Promise<Row[]> {
  const all: Row[] = []
  let after = deps.isThorough ? '' : ((await recall(deps.db, `turn:${name}`, z.string())) ?? '')
  do {
    const rows = await find(deps, after, limit)
    all.push(...rows)
    after = rows.length < limit ? '' : (rows.at(-1)?.cursor ?? '')
  } while (deps.isThorough && after !== '')
  if (!deps.isDryRun) await remember(deps.db, `turn:${name}`, after, deps.now())
  return all
}
