import { chmod, readFile, rename, stat, writeFile } from 'node:fs/promises'

import { decodeText } from '../env/env-file.ts'

/** Nobody else may read a file that holds secrets. */
const OWNER_ONLY = 0o600

/**
 * Sets one variable in an env file: its last line is replaced, or one is added. The file is exchanged as a whole, so
 * that it is never half written.
 */
export async function saveSetting(path: string, name: string, value: string): Promise<void> {
  const text = await readText(path)
  const newline = text.includes('\r\n') ? '\r\n' : '\n'
  const lines = text.split(/\r\n|\n/)
  const line = `${name}=${value}`
  const last = lines.findLastIndex((one) => isAssignment(one, name))
  if (last >= 0) lines[last] = line
  else {
    if (lines.at(-1) === '') lines.pop()
    lines.push(line, '')
  }
  const beside = `${path}.${crypto.randomUUID()}`
  await writeFile(beside, lines.join(newline), { mode: OWNER_ONLY })
  const mode = await stat(path).then(
    (found) => found.mode,
    () => OWNER_ONLY,
  )
  await chmod(beside, mode)
  await rename(beside, path)
}

const isAssignment = (line: string, name: string) =>
  new RegExp(`^\\s*(?:export\\s+)?${name}\\s*=`).test(line)

async function readText(path: string): Promise<string> {
  try {
    return decodeText(await readFile(path), path)
  } catch (error) {
    if ((error as { code?: unknown }).code === 'ENOENT') return ''
    throw error
  }
}
