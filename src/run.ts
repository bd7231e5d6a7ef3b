import type { Logger } from 'pino'

import { ConfigError, readSettings } from './config.ts'
import { DatabaseError } from './db/database-error.ts'
import { loadProcessEnvironment } from './env/process-environment.ts'
import { messageOf } from './errors.ts'
import { createLog } from './log.ts'
import { serve } from './serve.ts'

/** A process that has not come to an end by now is ended. */
const STOP_MS = 9_700
const MAX_STACK_LENGTH = 2_000

/** The configuration of this process: its environment, completed by a `.env` file. */
export function readProcessSettings() {
  const { environment, problems } = loadProcessEnvironment()
  return readSettings(environment, problems)
}

/** The server, from the environment until SIGTERM or SIGINT ends the process; `onListening` hears when it minds them. */
export async function runServer(onListening?: () => void) {
  const { config, doubts } = readProcessSettings()
  const log = createLog(config.logLevel, process.stdout.isTTY)
  for (const doubt of doubts) log.warn({ doubt }, 'setting doubted')
  endOnFault(log)

  const starting = new AbortController()
  const serving = serve(config, {
    log,
    now: () => new Date(),
    fetch: globalThis.fetch,
    stop: starting.signal,
  })
  let isStopping = false
  const stopOnce = async (signal: string) => {
    if (isStopping) return
    isStopping = true
    log.info({ signal }, 'stopping')
    setTimeout(() => {
      log.warn('stopped with work in hand, which is taken up again')
      process.exit(0)
    }, STOP_MS).unref()
    // Asked to stop while it starts, it stops as soon as it has, or while it still waits for the database.
    starting.abort()
    const started = await serving.catch(() => undefined)
    await started?.stop()
    log.info('stopped')
    process.exit(0)
  }
  process.on('SIGTERM', () => void stopOnce('SIGTERM'))
  process.on('SIGINT', () => void stopOnce('SIGINT'))
  onListening?.()
  await serving.catch((error: unknown) => {
    if (!isStopping) throw error
    return new Promise(() => undefined)
  })
}

/** A fault that nobody caught leaves a process of which nothing is known: it says why, and ends. */
function endOnFault(log: Logger) {
  const end = (error: unknown) => {
    const stack = error instanceof Error ? error.stack?.slice(0, MAX_STACK_LENGTH) : undefined
    log.fatal({ error: messageOf(error), stack }, 'ended by a fault')
    process.exit(1)
  }
  process.on('uncaughtException', end).on('unhandledRejection', end)
}

/** What a person is told when a program cannot go on. A configuration error explains itself. */
export const explainFailure = (doing: string, error: unknown) =>
  error instanceof ConfigError
    ? error.message
    : `${doing}: ${error instanceof DatabaseError ? error.message : messageOf(error)}`
