import { config as loadEnvFile } from 'dotenv'

import { ConfigError, readConfig } from './config.ts'
import { messageOf } from './errors.ts'
import { createLog } from './log.ts'
import { serve } from './serve.ts'

/** A process that has not come to an end by now is ended. */
const STOP_MS = 9_700

loadEnvFile({ quiet: true })

async function main() {
  const config = readConfig(process.env)
  const log = createLog(config.logLevel, process.stdout.isTTY)
  const { stop } = await serve(config, { log, now: () => new Date(), fetch: globalThis.fetch })

  process.on('unhandledRejection', (error) => log.error({ error: messageOf(error) }, 'unhandled'))
  let isStopping = false
  const stopOnce = async (signal: string) => {
    if (isStopping) return
    isStopping = true
    log.info({ signal }, 'stopping')
    setTimeout(() => process.exit(0), STOP_MS).unref()
    await stop()
    log.info('stopped')
    process.exit(0)
  }
  process.on('SIGTERM', () => void stopOnce('SIGTERM'))
  process.on('SIGINT', () => void stopOnce('SIGINT'))
}

try {
  await main()
} catch (error) {
  const text = error instanceof ConfigError ? error.message : `could not start: ${messageOf(error)}`
  process.stderr.write(`${text}\n`)
  process.exit(1)
}
