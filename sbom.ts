import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'

import { z } from 'zod'

const read = (path: string) => readFileSync(new URL(path, import.meta.url), 'utf8')

const Names = z.record(z.string(), z.string()).default({})
const Wanted = z.object({ dependencies: Names, optionalDependencies: Names })
const Package = z.tuple([z.string(), z.string(), Wanted, z.string()])
const Lock = z.object({
  workspaces: z.object({ '': Wanted }),
  packages: z.record(z.string(), Package),
})
const Manifest = z.object({
  name: z.string(),
  version: z.string(),
  license: z.string(),
  description: z.string(),
  engines: z.object({ bun: z.string() }),
})

const manifest = Manifest.parse(JSON.parse(read('package.json')))
// Bun's lock is JSON but for the commas at the ends of its lists.
const lock = Lock.parse(JSON.parse(read('bun.lock').replaceAll(/,(\s*[}\]])/g, '$1')))

const namesOf = ({ dependencies, optionalDependencies }: z.infer<typeof Wanted>) =>
  Object.keys({ ...dependencies, ...optionalDependencies })

/** A package lies beside the one that wants it, or with one further up. */
function resolve(name: string, from: string): string | undefined {
  for (
    let folder = from;
    folder !== '';
    folder = folder.slice(0, Math.max(0, folder.lastIndexOf('/')))
  ) {
    if (lock.packages[`${folder}/${name}`]) return `${folder}/${name}`
  }
  return lock.packages[name] ? name : undefined
}

const wantedBy = (key: string) =>
  namesOf(lock.packages[key]?.[2] ?? Wanted.parse({})).flatMap((name) => resolve(name, key) ?? [])

/** What the bridge needs when it runs; what only builds or tests it is left out. */
function findNeeded(): string[] {
  const needed = new Set<string>()
  const left = namesOf(lock.workspaces['']).flatMap((name) => resolve(name, '') ?? [])
  for (let key = left.pop(); key !== undefined; key = left.pop()) {
    if (needed.has(key)) continue
    needed.add(key)
    left.push(...wantedBy(key))
  }
  return [...needed].toSorted()
}

const splitId = (id: string) =>
  [id.slice(0, id.lastIndexOf('@')), id.slice(id.lastIndexOf('@') + 1)] as const

function urlOf(key: string): string {
  const [name, version] = splitId(lock.packages[key]?.[0] ?? '')
  return `pkg:npm/${name.replace('@', '%40')}@${version}`
}

function describe(key: string) {
  const [id = '', , , integrity = ''] = lock.packages[key] ?? []
  const [name, version] = splitId(id)
  const content = Buffer.from(integrity.replace('sha512-', ''), 'base64').toString('hex')
  return {
    type: 'library',
    'bom-ref': urlOf(key),
    name,
    version,
    purl: urlOf(key),
    hashes: [{ alg: 'SHA-512', content }],
  }
}

const needed = findNeeded()
const self = `pkg:generic/${manifest.name}@${manifest.version}`
const unique = <Item extends { 'bom-ref': string }>(items: Item[]) => [
  ...new Map(items.map((item) => [item['bom-ref'], item])).values(),
]
const { bun } = manifest.engines
const runtime = `pkg:npm/bun@${bun}`
const components = [
  { type: 'platform', 'bom-ref': runtime, name: 'bun', version: bun, purl: runtime },
  ...unique(needed.map(describe)),
]
const digest = createHash('sha256').update(JSON.stringify(components)).digest('hex')
const [a, b, c, d] = [
  digest.slice(0, 8),
  digest.slice(8, 12),
  digest.slice(13, 16),
  digest.slice(17, 20),
]

const bill = {
  bomFormat: 'CycloneDX',
  specVersion: '1.6',
  serialNumber: `urn:uuid:${a}-${b}-5${c}-8${d}-${digest.slice(20, 32)}`,
  version: 1,
  metadata: {
    component: {
      type: 'application',
      'bom-ref': self,
      name: manifest.name,
      version: manifest.version,
      description: manifest.description,
      licenses: [{ license: { id: manifest.license } }],
    },
  },
  components,
  dependencies: [
    {
      ref: self,
      dependsOn: [runtime, ...namesOf(lock.workspaces['']).map((name) => urlOf(name))].toSorted(),
    },
    ...new Map(
      needed.map((key) => [
        urlOf(key),
        { ref: urlOf(key), dependsOn: [...new Set(wantedBy(key).map(urlOf))].toSorted() },
      ]),
    ).values(),
  ],
}

process.stdout.write(`${JSON.stringify(bill, null, 2)}\n`)
