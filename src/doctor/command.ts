import { ConfigError, readSettings, SETTING_NAMES } from '../config.ts'
import { loadProcessEnvironment } from '../env/process-environment.ts'
import type { Write } from '../print/text.ts'
import { probe } from './probe/run-probes.ts'
import { findAsker } from '../setup/command.ts'
import { doctor, refuseSettings } from './doctor.ts'

/** What was given on the command line. */
export type GivenDoctor = {
  only?: string
  quiet: boolean
  json: boolean
  probe: boolean
  yes: boolean
}

/** `bridge doctor`, with the settings of this process. */
export async function doctorHere(
  { only, quiet, json, probe: isProbing, yes }: GivenDoctor,
  { write, now }: { write: Write; now: () => Date },
): Promise<number> {
  const isColoured = process.stdout.isTTY && !process.env['NO_COLOR']
  const options = { only, isQuiet: quiet, isJson: json, isColoured }
  try {
    const { environment, problems } = loadProcessEnvironment()
    const given = SETTING_NAMES.filter((name) => environment[name])
    const settings = readSettings(environment, problems)
    if (isProbing) {
      const io = { ...settings, fetch: globalThis.fetch, now, write, ask: findAsker() }
      return await probe(
        { isAgreed: yes, isJson: json, isColoured },
        { ...io, stop: interrupted() },
      )
    }
    return await doctor(options, { ...settings, given, fetch: globalThis.fetch, now }, write)
  } catch (error) {
    if (error instanceof ConfigError) return refuseSettings(error.message, options, write)
    throw error
  }
}

/** What a probe has made is removed before the process ends. */
function interrupted(): AbortSignal {
  const stopping = new AbortController()
  const stop = () => stopping.abort(new Error('interrupted'))
  process.once('SIGINT', stop).once('SIGTERM', stop)
  return stopping.signal
}
