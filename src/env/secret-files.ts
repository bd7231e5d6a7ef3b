import { readFileSync } from 'node:fs'

import { messageOf } from '../errors.ts'
import { clean } from './clean.ts'
import { ConfigError } from './config-error.ts'
import { decodeText } from './env-file.ts'

/** Longer than any secret, or list of them. */
const MAX_BYTES = 64 * 1024

type Environment = Record<string, string>

/**
 * Replaces each `NAME_FILE` by what its file holds, as Docker and Kubernetes hand secrets over. A problem begins
 * with the name of its variable.
 */
export function readSecretFiles(environment: Environment, secrets: readonly string[]) {
  const values = { ...environment }
  const problems: string[] = []
  for (const name of secrets) {
    const file = environment[`${name}_FILE`]
    if (!file) continue
    if (environment[name]) {
      problems.push(`${name}: is set, and ${name}_FILE as well: keep one of them`)
      continue
    }
    const read = readSecret(file)
    if ('problem' in read) problems.push(`${name}_FILE: ${file} ${read.problem}`)
    else values[name] = read.value
  }
  return { values, problems }
}

function readSecret(file: string) {
  try {
    const bytes = readFileSync(file)
    if (bytes.length > MAX_BYTES) return { problem: 'is too large for a secret' }
    const cleaned = clean(decodeText(bytes, 'it'))
    return 'value' in cleaned && cleaned.value === '' ? { problem: 'is empty' } : cleaned
  } catch (error) {
    if (error instanceof ConfigError) return { problem: `cannot be used: ${error.message}` }
    const code = (error as { code?: unknown }).code
    return { problem: `cannot be read (${typeof code === 'string' ? code : messageOf(error)})` }
  }
}
