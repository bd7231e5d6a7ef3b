import { afterEach, beforeEach, expect, test } from 'bun:test'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { findMisfit } from '../../src/install/fits.ts'
import { withInstallLock } from '../../src/install/lock.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const RUNNING = { isForDevelopment: false }

const LOCK = `{
  "lockfileVersion": 2,
  "workspaces": { "": {
    "dependencies": { "a": "1.0.0", "@x/b": "2.0.0", },
    "devDependencies": { "tool": "1.0.0", },
    "optionalDependencies": { "native": "1.0.0", },
  }, },
  "patchedDependencies": { "a@1.0.0": "patches/a.patch", },
  "packages": {
    "a": ["a@1.0.0", "", {}, "sha512-"],
    "@x/b": ["@x/b@2.0.0", "", { "dependencies": { "a": "^2.0.0" } }, "sha512-"],
    "@x/b/a": ["a@2.1.0", "", {}, "sha512-"],
    "native": ["native@1.0.0", "", { "os": "plan9" }, "sha512-"],
    "tool": ["tool@1.0.0", "", {}, "sha512-"],
  },
}
`
const PATCH = '--- a/index.js\n+++ b/index.js\n@@ -1,1 +1,2 @@\n one\n+two\n'

let root: string
const put = async (path: string, text: string) => {
  await mkdir(dirname(join(root, path)), { recursive: true })
  await writeFile(join(root, path), text)
}
const install = (path: string, version: string) =>
  put(`node_modules/${path}/package.json`, JSON.stringify({ version }))
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'bridge-fits-'))
  await put('bun.lock', LOCK)
  await put('patches/a.patch', PATCH)
  await install('a', 'v1.0.0')
  await put('node_modules/a/index.js', 'one\ntwo\n')
  await install('@x/b', '2.0.0')
  await install('@x/b/node_modules/a', '2.1.0')
})
afterEach(() => rm(root, { recursive: true, force: true }))

test('what is installed here fits, so that no package manager is run', () => {
  expect(findMisfit(ROOT, { isForDevelopment: true })).toBeUndefined()
})

test('what is for other systems, or for development only, need not be there', () => {
  expect(findMisfit(root, RUNNING)).toBeUndefined()
  expect(findMisfit(root, { isForDevelopment: true })).toBe('tool@1.0.0')
})

test('another version is a misfit, at any depth', async () => {
  await install('@x/b/node_modules/a', '2.0.0')

  expect(findMisfit(root, RUNNING)).toBe('a@2.1.0')
})

test('a package without its patch is a misfit', async () => {
  await put('node_modules/a/index.js', 'one\n')

  expect(findMisfit(root, RUNNING)).toBe('a@1.0.0, patched')
})

test('two installations take turns, and the second says for whom it waits', async () => {
  const path = join(root, 'node_modules/.install-lock')
  const said: string[] = []
  let inside = 0
  const run = async () => {
    inside += 1
    expect(inside).toBe(1)
    await Bun.sleep(20)
    inside -= 1
    return 0
  }

  await Promise.all([1, 2].map(() => withInstallLock(path, (line) => said.push(line), run)))

  expect(said).toEqual([`waiting for the installation of process ${process.pid}`])
})

test('the lock of a process that is gone holds nobody up', async () => {
  const gone = Bun.spawn(['true'])
  await gone.exited
  await put('node_modules/.install-lock', String(gone.pid))

  expect(
    await withInstallLock(
      join(root, 'node_modules/.install-lock'),
      () => {},
      async () => 0,
    ),
  ).toBe(0)
})
