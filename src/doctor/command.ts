import { ConfigError, readSettings, SETTING_NAMES } from '../config.ts'
import { loadProcessEnvironment } from '../env/process-environment.ts'
import type { Write } from '../report/text.ts'
import { doctor, refuseSettings } from './doctor.ts'

/** What was given on the command line. */
export type GivenDoctor = { only?: string; quiet: boolean; json: boolean }

/** `bridge doctor`, with the settings of this process. */
export async function doctorHere(
  { only, quiet, json }: GivenDoctor,
  { write, now }: { write: Write; now: () => Date },
): Promise<number> {
  const isColoured = process.stdout.isTTY && !process.env['NO_COLOR']
  const options = { only, isQuiet: quiet, isJson: json, isColoured }
  try {
    const { environment, problems } = loadProcessEnvironment()
    const given = SETTING_NAMES.filter((name) => environment[name])
    const settings = readSettings(environment, problems)
    return await doctor(options, { ...settings, given, fetch: globalThis.fetch, now }, write)
  } catch (error) {
    if (error instanceof ConfigError) return refuseSettings(error.message, options, write)
    throw error
  }
}
