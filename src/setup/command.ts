import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline/promises'

import { InvalidArgumentError } from 'commander'

import { parseEnvFile } from '../env/env-file.ts'
import { loadProcessEnvironment } from '../env/process-environment.ts'
import { PermanentError } from '../errors.ts'
import type { Write } from '../print/text.ts'
import { saveSetting } from './save-setting.ts'
import { readSetupSettings } from './settings.ts'
import { setup } from './setup.ts'

/** What was given on the command line. */
export type GivenSetup = {
  yes: boolean
  dryRun: boolean
  currencies?: string[]
  envFile?: string
}

/** `bridge setup`, with the settings of this process and of the file that is named. */
export async function setupHere(
  { yes, dryRun, currencies, envFile }: GivenSetup,
  { write, now }: { write: Write; now: () => Date },
): Promise<number> {
  const { environment, problems } = loadProcessEnvironment()
  const file = envFile === undefined ? { values: {}, problems: [] } : readIfThere(envFile)
  const given = { ...file.values, ...dropEmpty(environment) }
  const settings = readSetupSettings(given, [...problems, ...file.problems])
  const options = { isAgreed: yes, isDryRun: dryRun, currencies }
  return setup(options, {
    ...settings,
    fetch: globalThis.fetch,
    now,
    write,
    ask: findAsker(),
    save: envFile === undefined ? undefined : save,
  })

  async function save(name: string, value: string) {
    const own = given[`${name}_FILE`]
    // With both no bridge would start again.
    if (own) throw new PermanentError(`${name}_FILE is set: put it into ${own}`)
    await saveSetting(envFile ?? '', name, value)
  }
}

/** What is set to nothing leaves the file's value in place. */
const dropEmpty = (environment: Record<string, string | undefined>) =>
  Object.fromEntries(Object.entries(environment).filter(([, value]) => value))

function readIfThere(path: string) {
  try {
    return parseEnvFile(readFileSync(path), path)
  } catch (error) {
    if ((error as { code?: unknown }).code === 'ENOENT') return { values: {}, problems: [] }
    throw error
  }
}

/** Reads `--currencies`, for commander. */
export function readCurrencies(text: string): string[] {
  const codes = text.split(',').map((code) => code.trim().toUpperCase())
  if (codes.every((code) => /^[A-Z]{3}$/.test(code))) return [...new Set(codes)]
  throw new InvalidArgumentError('Write codes between commas, like USD,EUR.')
}

/** Somebody who can be asked: whoever sits at the terminal, if there is one. */
export const findAsker = () => (process.stdin.isTTY && process.stdout.isTTY ? askHere : undefined)

/** Asks on the terminal; everything but a yes is a no. */
async function askHere(question: string): Promise<boolean> {
  const terminal = createInterface({ input: process.stdin, output: process.stdout })
  try {
    return /^y(?:es)?$/i.test((await terminal.question(question)).trim())
  } finally {
    terminal.close()
  }
}
