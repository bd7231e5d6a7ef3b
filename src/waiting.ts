import type { Logger } from 'pino'

const PATIENCE_MS = 3_000
const REPEAT_MS = 15_000

/** Says what is waited for, when it takes longer than one would think, and says it again. */
export const sayWhileWaiting =
  (log: Logger) =>
  async <Value>(what: string, work: Promise<Value>): Promise<Value> => {
    const startedAtMs = performance.now()
    const say = () => {
      const seconds = Math.round((performance.now() - startedAtMs) / 1_000)
      log.warn({ what, seconds }, 'start waits')
      timer = setTimeout(say, REPEAT_MS)
    }
    let timer = setTimeout(say, PATIENCE_MS)
    try {
      return await work
    } finally {
      clearTimeout(timer)
    }
  }
