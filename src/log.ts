import { createRequire } from 'node:module'
import pino, { type Logger } from 'pino'
import type { PinoPretty } from 'pino-pretty'

/** What must never be printed, should it ever be passed to the logger. */
const SECRETS = [
  'apiKey',
  'authorization',
  'hmacKeys',
  'webhookSecrets',
  'adminToken',
  'viewerToken',
  'secret',
  'body',
  'headers',
]

const STANDARD_OUTPUT = 1

/** JSON lines on standard output, or on what `destination` names; readable ones on a terminal. */
export function createLog(
  level: string,
  isTerminal: boolean,
  destination: number | string = STANDARD_OUTPUT,
): Logger {
  const options = {
    level,
    redact: { paths: SECRETS.flatMap((name) => [name, `*.${name}`]), censor: '[redacted]' },
    base: null,
  }
  if (!isTerminal) return pino(options, pino.destination({ dest: destination, sync: true }))
  // Loaded only where somebody looks on.
  const pretty = createRequire(import.meta.url)('pino-pretty') as typeof PinoPretty
  return pino(
    options,
    pretty({ ignore: 'pid,hostname', translateTime: 'SYS:HH:MM:ss', sync: true, destination }),
  )
}
