import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { appendFile, cp, mkdtemp, readdir, rm, symlink, utimes } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { ROOT } from '../../src/root.ts'

const COPIED = ['src', 'patches', 'package.json', 'bun.lock', 'tsconfig.json', 'bunfig.toml']
let folder: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'bridge-compiled-'))
  for (const name of COPIED) await cp(join(ROOT, name), join(folder, name), { recursive: true })
  await symlink(join(ROOT, 'node_modules'), join(folder, 'node_modules'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

async function run(...args: string[]) {
  const child = Bun.spawn([process.execPath, '--no-env-file', ...args], {
    cwd: folder,
    env: { PATH: process.env['PATH'] ?? '' },
    stdout: 'pipe',
    stderr: 'pipe',
  })
  const [out, error] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ])
  return { exitCode: await child.exited, out: out.trim(), error: error.trim() }
}

const install = () => run('src/install/main.ts')
/** What a start would run, told by the copy itself. */
const found = async () => {
  const script = `console.log((await import('./src/install/compiled.ts')).findCompiled() ?? 'sources')`
  return (await run('-e', script)).out
}

describe('the compiled server', () => {
  test('is made by the installation, and says of itself what the sources say', async () => {
    expect(await found()).toBe('sources')
    const fromSources = await run('src/main.ts')

    expect(await install()).toMatchObject({ exitCode: 0, error: '' })

    expect(await found()).toStartWith(join(folder, 'build'))
    const compiled = await run('src/main.ts')
    expect(compiled).toEqual(fromSources)
    expect(compiled.error).toContain('LAGO_API_KEY')
  })

  test('is never run in the place of other sources, and is made anew for them', async () => {
    await install()
    const before = await found()

    await appendFile(join(folder, 'src/version.ts'), '\n// changed\n')

    expect(await found()).toBe('sources')
    const longAgo = new Date(Date.now() - 8 * 24 * 3_600_000)
    await utimes(join(before, '..'), longAgo, longAgo)
    await install()
    expect(await found()).not.toBe(before)
    // What nobody runs any more is not kept.
    expect(await readdir(join(folder, 'build'))).toHaveLength(1)
  })
})
