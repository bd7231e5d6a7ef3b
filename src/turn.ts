import type { Budget, Urgency } from './budget.ts'
import { Later } from './errors.ts'

/** A request that has its turn leaves within this, or not at all: its quarantine is counted from here. */
export const LEAVES_WITHIN_MS = 5_000

/** Leave to make one request, which was waited for before its intent is committed. */
export type Turn = {
  /** Called when the intent is about to be committed. */
  begin: () => Date
  /** Called as the request leaves. Throws `Later` when too much time has passed since `begin`. */
  leave: () => void
  /** When the request left, or would have had to at the latest. */
  leftAt: () => Date
}

/** Waits until a request may be made, which then leaves without waiting again. */
export type Reserve = () => Promise<Turn>

/** Whoever creates something waits for its turn first: a wait after the intent would eat up the quarantine. */
export function createReserve(options: {
  service: string
  budget: Budget
  urgency: Urgency
  now: () => Date
}): Reserve {
  const { service, budget, urgency, now } = options
  return async function reserve() {
    await budget.spend(urgency)
    return createTurn(service, now)
  }
}

/**
 * Keeps the time between the committed intent and the request short. A process that was stopped in between
 * (suspended, starved) must not send what somebody else has meanwhile taken over.
 */
export function createTurn(service: string, now: () => Date): Turn {
  let begunAt = now()
  let begunMs = Date.now()
  let sentAt: Date | undefined
  return {
    begin() {
      begunAt = now()
      begunMs = Date.now()
      return begunAt
    },
    leave() {
      const at = now()
      // By this machine's own clock, too, which alone goes on while the machine sleeps.
      const passedMs = Math.max(at.getTime() - begunAt.getTime(), Date.now() - begunMs)
      if (passedMs > LEAVES_WITHIN_MS)
        throw new Later(`the turn for a request to ${service} was missed`, at)
      sentAt = at
    },
    leftAt: () => sentAt ?? new Date(begunAt.getTime() + LEAVES_WITHIN_MS),
  }
}
