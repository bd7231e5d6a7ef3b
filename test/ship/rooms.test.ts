import { dirname, join, normalize } from 'node:path'

import { describe, expect, test } from 'bun:test'
import { Glob } from 'bun'

const SRC = join(import.meta.dir, '../../src')
const IMPORTED =
  /(?:import|export)\s[^'"`;]*?from\s+'(?<target>\.[^']+)'|import\('(?<later>\.[^']+)'\)/g

/** What each file of the product imports of it, types included. */
async function readImports(): Promise<Map<string, string[]>> {
  const imports = new Map<string, string[]>()
  for (const file of new Glob('**/*.{ts,tsx}').scanSync(SRC)) {
    const text = await Bun.file(join(SRC, file)).text()
    const targets = [...text.matchAll(IMPORTED)].map(({ groups }) =>
      normalize(join(dirname(file), groups?.['target'] ?? groups?.['later'] ?? '')),
    )
    imports.set(file, targets)
  }
  return imports
}

/** A folder of `src`, or a file of its own there; of billers, each one. */
function roomOf(file: string): string {
  const [first = file, second = ''] = file.split('/')
  return first === 'billers' && !second.includes('.') ? `${first}/${second}` : first
}

/** The names in a circle with each other; empty where all arrows lead down. What nobody points to, or points to nobody, is taken away until nothing is left. */
function findCircle(arrows: Map<string, Set<string>>): string[] {
  const left = new Map([...arrows].map(([from, to]) => [from, new Set(to)]))
  for (let isShrinking = true; isShrinking;) {
    isShrinking = false
    for (const [from, to] of left) {
      for (const target of to) if (!left.has(target)) to.delete(target)
      const isPointedTo = [...left.values()].some((targets) => targets.has(from))
      if (to.size > 0 && isPointedTo) continue
      left.delete(from)
      isShrinking = true
    }
  }
  return [...left.keys()].toSorted()
}

const imports = await readImports()

describe('the product’s files', () => {
  test('import each other in no circle, not even types', () => {
    const arrows = [...imports].map(([file, targets]) => [file, new Set(targets)] as const)
    expect(findCircle(new Map(arrows))).toEqual([])
  })

  test('lie in rooms, each of which knows only those below it', () => {
    const arrows = new Map<string, Set<string>>()
    for (const [file, targets] of imports) {
      const room = roomOf(file)
      const known = arrows.get(room) ?? new Set()
      arrows.set(room, known)
      for (const target of targets) if (roomOf(target) !== room) known.add(roomOf(target))
    }
    expect(findCircle(arrows)).toEqual([])
  })
})
