import type { DodoStore } from './dodo-store.ts'
import type { Emit } from './dodo-webhooks.ts'

/** What the world outside decides about money that Dodo has been asked to move. */
export type Behaviour = {
  /** What banks do with refunds; `hold` leaves them pending until someone settles them. */
  refunds: 'succeed' | 'fail' | 'hold'
  /** What happens to charges on a mandate: `succeed`, `hold`, or a decline code. */
  charges: string
  /** Whether a declined card ends the checkout session; it is not known that it does. */
  declineConsumesSession: boolean
  /** How long refunds and charges take. */
  settleAfterMs: number
}

/** Everything that the parts of the sandbox Dodo share. */
export type DodoWorld = {
  store: DodoStore
  emit: Emit
  now: () => Date
  publicUrl: string
  sessionLifetimeMs: number
  behaviour: Behaviour
  later: (delayMs: number, act: () => void) => void
}

/** Work that happens on its own some time after it was asked for. */
export function createLater() {
  const timers = new Map<ReturnType<typeof setTimeout>, PromiseWithResolvers<void>>()

  return {
    later: (delayMs: number, act: () => void): void => {
      const done = Promise.withResolvers<void>()
      const timer = setTimeout(() => {
        timers.delete(timer)
        act()
        done.resolve()
      }, delayMs)
      timers.set(timer, done)
    },
    async idle(): Promise<void> {
      while (timers.size > 0) await Promise.all([...timers.values()].map(({ promise }) => promise))
    },
    stop(): void {
      for (const [timer, done] of timers) {
        clearTimeout(timer)
        done.resolve()
      }
      timers.clear()
    },
  }
}
