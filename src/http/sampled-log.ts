import type { Logger } from 'pino'

const WINDOW_MS = 60_000
const SHOWN = 10

type Level = 'error' | 'warn'
type Fields = Record<string, unknown>

/**
 * Logs what strangers can cause as often as they like: the first few of each message in a minute, and then how
 * many more there were.
 */
export function createSampledLog(log: Logger, { shown = SHOWN, windowMs = WINDOW_MS } = {}) {
  const counts = new Map<string, number>()

  function close(level: Level, message: string) {
    const left = (counts.get(message) ?? 0) - shown
    counts.delete(message)
    if (left > 0) log[level]({ more: left, withinMs: windowMs }, `${message}, and more of it`)
  }

  /** The messages are few, and ours; what a stranger sent belongs into the fields, cut short. */
  return function say(level: Level, fields: Fields, message: string) {
    const count = (counts.get(message) ?? 0) + 1
    counts.set(message, count)
    if (count === 1) setTimeout(close, windowMs, level, message).unref()
    if (count <= shown) log[level](fields, message)
  }
}

export type SampledLog = ReturnType<typeof createSampledLog>
