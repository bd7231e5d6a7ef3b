import type { Database } from './client.ts'
import type { Fault } from './connect.ts'
import { pulse } from './schema.ts'

const BEAT_MS = 10_000
/** More than fits into a page, so that the table has to grow now and then: on a full disk it cannot. */
const FILLER_BYTES = 9_000
/** Disk full, out of memory or of other means; an I/O error; a server that takes no writes. */
const REFUSES_WRITES = /^(53|58|25006)/
/** Connections are no sign of what the server can write. */
const TOO_MANY_CONNECTIONS = '53300'

/**
 * Whether the database can still be written to. Found out by writing a row now and then, and by what any
 * other statement was told; a refusal counts until a row could be written again.
 */
export function createPulse() {
  let beatAt = -Infinity
  let refusal: string | undefined

  /** Hears every error of the server, and of connections to it that are of no use. */
  function hear({ code, message }: Fault) {
    if (REFUSES_WRITES.test(code) && code !== TOO_MANY_CONNECTIONS) refusal = message
  }

  /** Writes if it is time to, or if the last word was a refusal; throws what the database says. */
  async function beat(db: Database, now: Date) {
    if (refusal === undefined && performance.now() - beatAt < BEAT_MS) return
    const filler = Buffer.from(crypto.getRandomValues(new Uint8Array(FILLER_BYTES))).toString(
      'base64',
    )
    const row = { beatAt: now, filler }
    await db
      .insert(pulse)
      .values({ name: 'bridge', ...row })
      .onConflictDoUpdate({ target: pulse.name, set: row })
    beatAt = performance.now()
    refusal = undefined
  }

  return { hear, beat, findRefusal: () => refusal }
}
