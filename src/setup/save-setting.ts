import { chmod, chown, readFile, realpath, rename, rm, stat, writeFile } from 'node:fs/promises'

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
  await exchange(path, lines.join(newline))
}

/** Whoever may read it may read it afterwards: the bridge is another user than the person who sets it up. */
async function exchange(path: string, text: string): Promise<void> {
  const place = await realpath(path).catch(() => path)
  const beside = `${place}.${crypto.randomUUID()}`
  const before = await stat(place).catch(() => undefined)
  try {
    await writeFile(beside, text, { mode: OWNER_ONLY })
    if (before) {
      await chown(beside, before.uid, before.gid)
      await chmod(beside, before.mode)
    }
    await rename(beside, place)
  } catch (error) {
    await rm(beside, { force: true })
    throw error
  }
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
