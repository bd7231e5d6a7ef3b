import { ALWAYS, type Books, type Violation } from './claims.ts'

/** An invariant did not hold; the message tells each story. */
class InvariantBroken extends Error {
  override name = 'InvariantBroken' as const

  constructor(violations: readonly Violation[]) {
    super(violations.map(({ rule, story }) => `${rule}: ${story}`).join('\n'))
  }
}

/**
 * Watches both services' books. `look` is to be called after every change; what was broken at any look stays
 * broken, even if it was mended since. `assert` looks once more, and throws the stories if there is one.
 */
export function createOracle(books: Books) {
  const seen = new Map<string, Violation>()
  const note = (found: readonly Violation[]) => {
    for (const one of found) {
      const key = `${one.rule} ${one.story}`
      if (!seen.has(key)) seen.set(key, one)
    }
  }
  const look = () => {
    for (const claim of ALWAYS) note(claim(books))
  }
  return {
    look,
    note,
    assert() {
      look()
      if (seen.size > 0) throw new InvariantBroken([...seen.values()])
    },
  }
}
