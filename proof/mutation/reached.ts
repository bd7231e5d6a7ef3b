import { appendFileSync } from 'node:fs'

/**
 * Loaded before the tests of a copy whose guards are watched: notes, once each, those that a test comes past in a way
 * in which it would make a difference that they are there.
 */
const file = process.env['REACHED_FILE'] ?? ''
const noted = new Set<string>()

function reached<Value>(id: string, when: 'truthy' | 'falsy' | 'seen', value: Value): Value {
  const isSo = when === 'seen' || (when === 'truthy') === Boolean(value)
  if (isSo && !noted.has(id)) {
    noted.add(id)
    appendFileSync(file, `${id}\n`)
  }
  return value
}

Object.assign(globalThis, { reached })
