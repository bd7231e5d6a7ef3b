import { z } from 'zod'

const UNIT_MS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const
const MAX_DURATION_MS = 366 * UNIT_MS.d

function readDurationMs(text: string): number | undefined {
  const match = /^(\d+)(ms|s|m|h|d)$/.exec(text)
  if (!match) return undefined
  const durationMs = Number(match[1]) * UNIT_MS[match[2] as keyof typeof UNIT_MS]
  return durationMs <= MAX_DURATION_MS ? durationMs : undefined
}

const DURATION_HELP = 'write a duration like 500ms, 30s, 5m, 2h or 3d (at most a year)'

/** A duration in milliseconds, within bounds. */
export const duration = (minMs: number, maxMs = MAX_DURATION_MS) =>
  z.string().transform((text, context) => {
    const durationMs = readDurationMs(text)
    if (durationMs !== undefined && durationMs >= minMs && durationMs <= maxMs) return durationMs
    const bounds = durationMs === undefined ? '' : `; here from ${minMs}ms to ${maxMs}ms`
    context.addIssue({ code: 'custom', message: `${DURATION_HELP}${bounds}` })
    return z.NEVER
  })

/** Parts between commas; in a file of its own also one on a line. */
export const list = z.string().transform((text) =>
  text
    .split(/[,\r\n]/)
    .map((part) => part.trim())
    .filter((part) => part !== ''),
)

/** Several durations, in milliseconds. */
export const durations = list.transform((parts, context) => {
  const waits = parts.map(readDurationMs)
  if (waits.every((wait) => wait !== undefined)) return waits
  context.addIssue({ code: 'custom', message: `comma-separated; ${DURATION_HELP}` })
  return z.NEVER
})

/** An address without its trailing slash, as whoever parses it writes it: services list it so, and it is compared. */
export const webUrl = (example: string) =>
  z
    .url({ protocol: /^https?$/, message: `write a full URL, like ${example}` })
    .refine((text) => !/[?#]/.test(text), 'write it without ? and #')
    .transform((text) => (URL.parse(text)?.href ?? text).replace(/\/+$/, ''))

/** What nothing works without; `where` says where it is found. */
export const secret = (where: string) => z.string({ error: `is required: ${where}` })

/** What goes into a header: a comment behind a value, or a typographic quote, would make each call fail. */
export const apiKey = (where: string) =>
  secret(where).regex(
    /^[\x21-\x7e]+$/,
    'holds a blank, or a character that no key has: all that stands after = is the value, comments too',
  )

/** The prefix, then base64 with its padding: anything else makes the verifier throw later. */
export const isStandardWebhooksSecret = (text: string) =>
  /^whsec_(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(text) &&
  text !== 'whsec_'

/** Several windows, like 36/s,230/m: all of them hold. */
export const rateLimit = list.transform((parts, context) => {
  const windows = parts.flatMap((part): { lengthMs: number; most: number }[] => {
    const match = /^(\d{1,6})\/(s|m|h)$/.exec(part)
    const most = Number(match?.[1])
    return most > 0 ? [{ lengthMs: UNIT_MS[match?.[2] as 's' | 'm' | 'h'], most }] : []
  })
  if (windows.length > 0 && windows.length === parts.length) return windows
  context.addIssue({ code: 'custom', message: 'write requests per time, like 45/s or 36/s,230/m' })
  return z.NEVER
})

/** `Date` takes the 30th of February for the 2nd of March. */
function isOnCalendar(day: string): boolean {
  const at = new Date(`${day}T00:00:00Z`)
  return !Number.isNaN(at.getTime()) && at.toISOString().startsWith(day)
}

/** A date is its first moment in UTC. */
export const collectSince = z.string().transform((text, context) => {
  if (text === 'all') return 'all' as const
  const isDate = /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2}))?$/.test(text)
  const moment = new Date(text)
  if (isDate && isOnCalendar(text.slice(0, 10)) && !Number.isNaN(moment.getTime())) return moment
  context.addIssue({
    code: 'custom',
    message: 'write all, a date like 2026-11-01, or a moment like 2026-11-01T08:00:00Z',
  })
  return z.NEVER
})
