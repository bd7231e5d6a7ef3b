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
