import { config as loadEnvFile } from 'dotenv'

import { ConfigError, readConfig } from './config.ts'
import { DatabaseError } from './db/database-error.ts'
import { messageOf } from './errors.ts'
import { createLog } from './log.ts'
import { serve } from './serve.ts'

/** A process that has not come to an end by now is ended. */
const STOP_MS = 9_700

/** The configuration of this process: its environment, completed by a `.env` file. */
export function readProcessConfig() {
  loadEnvFile({ quiet: true })
  return readConfig(process.env)
}

/** The server, from the environment until SIGTERM or SIGINT ends the process. */
export async function runServer() {
  const config = readProcessConfig()
  const log = createLog(config.logLevel, process.stdout.isTTY)
  process.on('unhandledRejection', (error) => log.error({ error: messageOf(error) }, 'unhandled'))

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
    setTimeout(() => process.exit(0), STOP_MS).unref()
    // Asked to stop while it starts, it stops as soon as it has, or while it still waits for the database.
    starting.abort()
    const started = await serving.catch(() => undefined)
    await started?.stop()
    log.info('stopped')
    process.exit(0)
  }
  process.on('SIGTERM', () => void stopOnce('SIGTERM'))
  process.on('SIGINT', () => void stopOnce('SIGINT'))
  await serving.catch((error: unknown) => {
    if (!isStopping) throw error
    return new Promise(() => undefined)
  })
}

/** What a person is told when a program cannot go on. A configuration error explains itself. */
export const explainFailure = (doing: string, error: unknown) =>
  error instanceof ConfigError
    ? error.message
    : `${doing}: ${error instanceof DatabaseError ? error.message : messageOf(error)}`
