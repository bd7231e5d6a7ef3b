/** How often whoever waits looks whether there still is a flood. */
const LOOK_MS = 50

/**
 * Lets any number work while no flood of deliveries comes, and one at a time while it does: senders are answered
 * first, and what is owed still gets done. Resolves with what must be called when the work is over.
 */
export function createTurns(isCrowded: () => boolean) {
  let working = 0
  let left = Promise.withResolvers<void>()

  function leave() {
    working -= 1
    left.resolve()
    left = Promise.withResolvers<void>()
  }

  const mustWait = () => working > 0 && isCrowded()

  return async function takeTurn(): Promise<() => void> {
    while (mustWait()) await Promise.race([left.promise, Bun.sleep(LOOK_MS)])
    working += 1
    return leave
  }
}
