import { readFileSync } from 'node:fs'

import { clean } from './clean.ts'
import { ConfigError } from './config-error.ts'
import { parseEnvFile } from './env-file.ts'

const ENV_FILE = '.env'
/** Everything that Bun understands in a value, and that we do not. */
const EXPANDED = /[$#\\"'`]/

type Environment = Record<string, string | undefined>

/**
 * The environment of this process, completed by the `.env` file of its folder. What the file says is put into
 * `process.env` as well, where Bun looks for a proxy.
 */
export function loadProcessEnvironment() {
  const file = readEnvFile()
  const inherited = readInherited()
  const environment: Environment = { ...(inherited ?? process.env) }
  const problems = [...file.problems]
  const names = Object.keys(file.values)
  const mayBeCut = !inherited && names.every((name) => process.env[name] !== undefined)
  for (const [name, value] of Object.entries(file.values)) {
    if (mayBeCut && environment[name] !== value && EXPANDED.test(value)) {
      problems.push(
        `${name}: Bun has read ${ENV_FILE} and may have cut it: start with --no-env-file`,
      )
    }
    environment[name] ??= value
    process.env[name] = withoutPackaging(environment[name])
  }
  return { environment, problems }
}

function readEnvFile() {
  try {
    return parseEnvFile(readFileSync(ENV_FILE), ENV_FILE)
  } catch (error) {
    if (error instanceof ConfigError) throw error
    const { code } = error as { code?: string }
    if (code === 'ENOENT' || code === 'EISDIR') return { values: {}, problems: [] }
    throw new ConfigError(`${ENV_FILE} cannot be read (${code})`)
  }
}

/**
 * What the process was started with. Started in another folder than ours, Bun has read `.env` before us, cut its
 * values and written them into `process.env`; Linux still knows what was there before.
 */
function readInherited(): Environment | undefined {
  try {
    const entries = readFileSync('/proc/self/environ', 'utf8').split('\0')
    const pairs = entries.map((entry) => [
      entry.slice(0, entry.indexOf('=')),
      entry.slice(entry.indexOf('=') + 1),
    ])
    return Object.fromEntries(pairs.filter(([name]) => name))
  } catch {
    return undefined
  }
}

function withoutPackaging(value: string): string {
  const cleaned = clean(value)
  return 'value' in cleaned ? cleaned.value : value
}
