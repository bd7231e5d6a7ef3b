import { afterAll, beforeAll, expect, test } from 'bun:test'
import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { saveSetting } from '../../src/setup/save-setting.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'bridge-setting-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

test.each([
  [
    'a line that is empty',
    'A=1\nDODO_WEBHOOK_SECRET=\nB=2\n',
    'A=1\nDODO_WEBHOOK_SECRET=new\nB=2\n',
  ],
  [
    'the last of several',
    'DODO_WEBHOOK_SECRET=a\nDODO_WEBHOOK_SECRET=b\n',
    'DODO_WEBHOOK_SECRET=a\nDODO_WEBHOOK_SECRET=new\n',
  ],
  ['no line at all', '# mine\nA=1', '# mine\nA=1\nDODO_WEBHOOK_SECRET=new\n'],
  ['a comment', '# DODO_WEBHOOK_SECRET=x\n', '# DODO_WEBHOOK_SECRET=x\nDODO_WEBHOOK_SECRET=new\n'],
  ['lines of Windows', 'DODO_WEBHOOK_SECRET=a\r\nB=2\r\n', 'DODO_WEBHOOK_SECRET=new\r\nB=2\r\n'],
])('with %s, the file means the new value and keeps the rest', async (_name, before, after) => {
  const path = join(folder, '.env')
  await writeFile(path, before)

  await saveSetting(path, 'DODO_WEBHOOK_SECRET', 'new')

  expect(await readFile(path, 'utf8')).toBe(after)
})

test('its permissions stay, and a new file is its owner’s alone', async () => {
  const [old, fresh] = [join(folder, 'old.env'), join(folder, 'fresh.env')]
  await writeFile(old, '')
  await chmod(old, 0o640)

  await saveSetting(old, 'DODO_WEBHOOK_SECRET', 'new')
  await saveSetting(fresh, 'DODO_WEBHOOK_SECRET', 'new')

  expect((await stat(old)).mode & 0o777).toBe(0o640)
  expect((await stat(fresh)).mode & 0o777).toBe(0o600)
  expect((await readdir(folder)).filter((name) => name.includes('env.'))).toEqual([])
})
