import { isUtf8 } from 'node:buffer'

import { ConfigError } from './config-error.ts'

const ASSIGNMENT = /^(?:export\s+)?([A-Za-z_][A-Za-z0-9_.-]*)\s*=(.*)$/s
const BYTE_ORDER_MARK = /^\uFEFF/

/**
 * The variables of an env file, read as `docker --env-file` reads it: one on a line, and its value is all that
 * stands after `=`. There are no comments but whole lines, no escapes and nothing is expanded, because a secret
 * may hold any character. `name` is what the file is called when it cannot be read.
 */
export function parseEnvFile(bytes: Buffer, name: string) {
  const values: Record<string, string> = {}
  const problems: string[] = []
  for (const [index, line] of decodeText(bytes, name)
    .split(/\r\n|\n|\r/)
    .entries()) {
    const text = line.trimStart()
    if (text === '' || text.startsWith('#')) continue
    const [, variable, value] = ASSIGNMENT.exec(text) ?? []
    // The line is not repeated: it may be the second half of a secret.
    if (variable === undefined || value === undefined) {
      problems.push(`${name}: line ${index + 1} is not NAME=value`)
    } else values[variable] = value
  }
  return { values, problems }
}

/** The text of a small file that a person or a program wrote; one that is not UTF-8 is refused in words. */
export function decodeText(bytes: Buffer, name: string): string {
  const isUtf16 = [0xfeff, 0xfffe].includes(bytes.length > 1 ? bytes.readUInt16BE(0) : 0)
  if (isUtf16 || bytes.includes(0)) {
    throw new ConfigError(
      `${name} is saved as UTF-16, as the > of Windows PowerShell does: save it as UTF-8`,
    )
  }
  if (!isUtf8(bytes)) throw new ConfigError(`${name} is not UTF-8: save it as UTF-8`)
  return bytes.toString('utf8').replace(BYTE_ORDER_MARK, '')
}
