import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

type Dependencies = Record<string, string>
type Needs = {
  dependencies?: Dependencies
  devDependencies?: Dependencies
  optionalDependencies?: Dependencies
  peerDependencies?: Dependencies
  optionalPeers?: string[]
}
type Package = Needs & { os?: string | string[]; cpu?: string | string[] }
type Lock = {
  workspaces: Record<string, Needs>
  packages: Record<string, [nameAndVersion: string, registry: string, needs: Package, hash: string]>
  patchedDependencies?: Record<string, string>
}

/**
 * The first package that is not installed as `bun.lock` says, or undefined when all are. It only reads, and knows
 * no package itself: it runs before any is there.
 */
export function findMisfit(root: string, { isForDevelopment }: { isForDevelopment: boolean }) {
  const lock = readLock(root)
  const workspace = lock.workspaces[''] ?? {}
  const needed = { ...workspace.dependencies, ...(isForDevelopment && workspace.devDependencies) }
  const seen = new Set<string>()
  const waiting = [...listNeeds(lock, [], { ...workspace, dependencies: needed })]
  for (let next = waiting.pop(); next; next = waiting.pop()) {
    const { path, isOptional } = next
    const key = path.join('/')
    if (seen.has(key)) continue
    seen.add(key)
    const [wanted = '', , needs = {}] = lock.packages[key] ?? []
    if (isOptional && !isInstalled(root, path)) continue
    const version = wanted.slice(wanted.lastIndexOf('@') + 1)
    if (versionOf(root, path) !== version) return wanted || key
    waiting.push(...listNeeds(lock, path, needs))
  }
  return findUnpatched(root, lock)
}

/** The lock is JSON with a comma after each last entry. */
const readLock = (root: string) =>
  JSON.parse(readFileSync(join(root, 'bun.lock'), 'utf8').replaceAll(/,(\s*[\]}])/g, '$1')) as Lock

/** What a package needs, each by its place; what may be missing, as on another system, is optional. */
function listNeeds(lock: Lock, path: readonly string[], needs: Needs) {
  const peers = Object.keys(needs.peerDependencies ?? {})
  const required = [...Object.keys(needs.dependencies ?? {}), ...peers]
  const optional = new Set([
    ...Object.keys(needs.optionalDependencies ?? {}),
    ...(needs.optionalPeers ?? []),
  ])
  return [...required, ...optional].flatMap((name) => {
    const place = resolve(lock, path, name)
    return place ? [{ path: place, isOptional: optional.has(name) }] : []
  })
}

/** Where a name leads to from inside a package: the nearest one wins, as in `node_modules`. */
function resolve({ packages }: Lock, path: readonly string[], name: string) {
  for (let depth = path.length; depth >= 0; depth -= 1) {
    const place = [...path.slice(0, depth), name]
    if (packages[place.join('/')]) return place
  }
  return undefined
}

const folderOf = (root: string, path: readonly string[]) =>
  join(root, ...path.flatMap((name) => ['node_modules', name]))

const isInstalled = (root: string, path: readonly string[]) => existsSync(folderOf(root, path))

/** The version that a package's own manifest states; one that we use states it as `v1.53.0`. */
function versionOf(root: string, path: readonly string[]): string | undefined {
  try {
    const manifest = readFileSync(join(folderOf(root, path), 'package.json'), 'utf8')
    return (JSON.parse(manifest) as { version?: string }).version?.replace(/^v/, '')
  } catch {
    return undefined
  }
}

/** A patch leaves the version as it is: its lines must be there. */
function findUnpatched(root: string, { patchedDependencies = {} }: Lock): string | undefined {
  const unpatched = Object.entries(patchedDependencies).find(([nameAndVersion, patch]) => {
    const name = nameAndVersion.slice(0, nameAndVersion.lastIndexOf('@'))
    const [, ...files] = readFileSync(join(root, patch), 'utf8').split(/^\+\+\+ b\//m)
    return files.some((text) => {
      const [file = '', ...lines] = text.split('\n')
      const added = lines.filter((line) => line.startsWith('+')).map((line) => line.slice(1))
      const path = join(root, 'node_modules', name, file.trim())
      const patched = new Set(existsSync(path) ? readFileSync(path, 'utf8').split('\n') : [])
      return added.some((line) => !patched.has(line))
    })
  })
  return unpatched && `${unpatched[0]}, patched`
}
