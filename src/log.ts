import pino, { type Logger } from 'pino'
import pretty from 'pino-pretty'

/** What must never be printed, should it ever be passed to the logger. */
const SECRETS = [
  'apiKey',
  'authorization',
  'hmacKeys',
  'webhookSecrets',
  'adminToken',
  'body',
  'headers',
]

/** JSON lines on standard output; readable ones on a terminal. */
export function createLog(level: string, isTerminal: boolean): Logger {
  const options = {
    level,
    redact: { paths: SECRETS.flatMap((name) => [name, `*.${name}`]), censor: '[redacted]' },
    base: null,
  }
  if (!isTerminal) return pino(options)
  return pino(
    options,
    pretty({ ignore: 'pid,hostname', translateTime: 'SYS:HH:MM:ss', sync: true }),
  )
}
