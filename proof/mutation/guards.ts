import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseSync } from 'oxc-parser'

import { ROOT } from './tree.ts'

/** A condition of the core that can be taken away: the text between two places of a file. */
export type Guard = {
  /** The same from one run to the next, as long as nothing of its file changes. */
  id: string
  file: string
  line: number
  kind: Kind
  /** What stands there, shortened. */
  text: string
  start: number
  end: number
  replacement: string
  /** What has to be watched to know whether a test can miss it: the place, and what of its value matters. */
  watched: { start: number; end: number; when: 'truthy' | 'falsy' | 'seen' }
}
/**
 * `leave`: an early return, throw or continue. `condition`: one side of an `&&`. `fence`: a part of a `where`, which
 * makes a change of state depend on the state that it starts from.
 */
type Kind = 'leave' | 'condition' | 'fence'

type Node = { type: string; start: number; end: number } & Record<string, unknown>

const SHOWN = 100

/** Finds the guards of a file in its syntax: the list is the code's, and kept by nobody. */
export async function findGuards(file: string): Promise<Guard[]> {
  const text = await readFile(join(ROOT, file), 'utf8')
  const guards: Guard[] = []
  const add = (
    kind: Kind,
    { start, end }: Node,
    replacement: string,
    watched: Guard['watched'],
  ) => {
    const line = text.slice(0, start).split('\n').length
    const shown = text.slice(start, end).replaceAll(/\s+/g, ' ').slice(0, SHOWN)
    const id = `${file}:${guards.length}`
    guards.push({ id, file, line, kind, text: shown, start, end, replacement, watched })
  }
  const watch = ({ start, end }: Node, when: Guard['watched']['when']) => ({ start, end, when })
  walk(parseSync(file, text).program as unknown as Node, (node) => {
    if (node.type === 'IfStatement' && !node['alternate'] && leaves(node['consequent'] as Node))
      add('leave', node, ';', watch(node['test'] as Node, 'truthy'))
    if (node.type === 'LogicalExpression' && node['operator'] === '&&') {
      const [left, right] = [node['left'] as Node, node['right'] as Node]
      // Only where the other side says no does it make a difference.
      add('condition', node, `(${text.slice(left.start, left.end)})`, watch(right, 'falsy'))
      if (isTest(right))
        add('condition', node, `(${text.slice(right.start, right.end)})`, watch(left, 'falsy'))
    }
    if (isCallOf(node, 'and'))
      for (const argument of node['arguments'] as Node[])
        add('fence', argument, 'undefined', watch(argument, 'seen'))
    if (isCallOf(node, 'isAsSeen')) add('fence', node, 'undefined', watch(node, 'seen'))
  })
  return guards
}

/** The file without a guard. */
export const without = (text: string, { start, end, replacement }: Guard) =>
  text.slice(0, start) + replacement + text.slice(end)

/** The file with a call around each place that has to be watched; nothing else is changed. */
export function withWatches(text: string, guards: readonly Guard[]): string {
  const pieces = guards.flatMap(({ id, watched: place }) => [
    {
      at: place.start,
      rank: -place.end,
      order: 1,
      piece: `globalThis.reached(${JSON.stringify(id)}, '${place.when}', (`,
    },
    { at: place.end, rank: -place.start, order: 0, piece: '))' },
  ])
  // What ends at a place ends before anything begins there; of those that begin the widest does first.
  pieces.sort((one, other) => one.at - other.at || one.order - other.order || one.rank - other.rank)
  let made = ''
  let done = 0
  for (const { at, piece } of pieces) {
    made += text.slice(done, at) + piece
    done = at
  }
  return made + text.slice(done)
}

/** What is a value when the left side is true, and no condition, cannot stand alone. */
const isTest = ({ type }: Node) =>
  [
    'BinaryExpression',
    'CallExpression',
    'UnaryExpression',
    'LogicalExpression',
    'Identifier',
  ].includes(type)

const isCallOf = (node: Node, name: string) =>
  node.type === 'CallExpression' && (node['callee'] as Node)['name'] === name

function leaves(node: Node): boolean {
  if (node.type === 'BlockStatement') {
    const body = node['body'] as Node[]
    return body.length > 0 && leaves(body.at(-1) as Node)
  }
  return ['ReturnStatement', 'ThrowStatement', 'ContinueStatement'].includes(node.type)
}

function walk(node: Node, visit: (node: Node) => void) {
  visit(node)
  for (const value of Object.values(node)) {
    const children = Array.isArray(value) ? value : [value]
    for (const child of children)
      if (typeof child === 'object' && child !== null && 'type' in child) walk(child as Node, visit)
  }
}
