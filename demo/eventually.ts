import { messageOf } from '../src/errors.ts'
import { StepFailed } from './narrator.ts'

const POLL_MS = 20
const PATIENCE_MS = 20_000

/** What a look came to: the thing looked for, or what was there instead. */
export type Look<Found> = { found: Found } | { seen: string }

/** Looks until it is found. Too late, it fails with what was expected and what was seen last. */
export async function eventually<Found>(
  expected: string,
  look: () => Promise<Look<Found>>,
): Promise<Found> {
  const deadlineMs = performance.now() + PATIENCE_MS
  for (;;) {
    const looked = await look().catch((error: unknown) => ({ seen: messageOf(error) }))
    if ('found' in looked) return looked.found
    if (performance.now() > deadlineMs) throw new StepFailed(expected, looked.seen)
    await Bun.sleep(POLL_MS)
  }
}

/** Fails unless the two are the same. */
export function expectSame(what: string, seen: unknown, expected: unknown) {
  if (seen !== expected) throw new StepFailed(`${what}: ${String(expected)}`, String(seen))
}
