import pino from 'pino'

/** A log whose lines can be looked at. */
export function createHeardLog() {
  const lines: Record<string, unknown>[] = []
  const write = (line: string) => void lines.push(JSON.parse(line) as Record<string, unknown>)
  const log = pino({ level: 'trace', base: null }, { write })
  return { log, lines, saying: (text: string) => lines.filter(({ msg }) => msg === text) }
}
