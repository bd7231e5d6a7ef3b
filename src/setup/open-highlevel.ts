import { openHighlevelAccess } from '../billers/highlevel/install/open.ts'
import { createAlone } from '../collect/alone.ts'
import type { Config } from '../config.ts'
import type { Ledger } from '../db/open-ledger.ts'
import type { Fetch } from '../vendor-fetch.ts'

/**
 * HighLevel for a command that works beside the bridge, on the ledger that it has opened. A token that ends is
 * refreshed under the same lock as everywhere.
 */
export function openHighlevelBeside(
  { db, sql }: Pick<Ledger, 'db' | 'sql'>,
  {
    config,
    fetch,
    now,
    stop,
  }: { config: Config; fetch: Fetch; now: () => Date; stop: AbortSignal },
) {
  if (!config.highlevel) throw new Error('HighLevel is off')
  const alone = createAlone(() => ({ sql, close: async () => undefined }), now)
  const highlevel = openHighlevelAccess({
    config: config.highlevel,
    publicUrl: config.publicUrl,
    db,
    alone: alone.run,
    now,
    fetch,
    stop,
  })
  return { config, db, now, highlevel }
}
