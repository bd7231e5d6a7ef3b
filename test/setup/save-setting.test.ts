import { afterAll, beforeAll, expect, test } from 'bun:test'
import {
  chmod,
  chown,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises'
import { spawnSync } from 'node:child_process'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { saveSetting } from '../../src/setup/save-setting.ts'

const MOUNTS_OF_ITS_OWN = ['unshare', '-m'] as const
const [unshare, ...alone] = MOUNTS_OF_ITS_OWN
const canMount = spawnSync(unshare, [...alone, 'true']).status === 0
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

test.if(process.getuid?.() === 0)(
  'it stays its owner’s and its group’s where root writes into it: the bridge is neither',
  async () => {
    const path = join(folder, 'service.env')
    await writeFile(path, '')
    await chown(path, 1234, 2345)
    await chmod(path, 0o640)

    await saveSetting(path, 'DODO_WEBHOOK_SECRET', 'new')

    const { uid, gid, mode } = await stat(path)
    expect({ uid, gid, mode: mode & 0o777 }).toEqual({ uid: 1234, gid: 2345, mode: 0o640 })
  },
)

test('where it is a link, the file that it leads to is the one that is changed', async () => {
  const [path, link] = [join(folder, 'real.env'), join(folder, 'link.env')]
  await writeFile(path, 'A=1\n')
  await symlink(path, link)

  await saveSetting(link, 'DODO_WEBHOOK_SECRET', 'new')

  expect((await lstat(link)).isSymbolicLink()).toBe(true)
  expect(await readFile(path, 'utf8')).toBe('A=1\nDODO_WEBHOOK_SECRET=new\n')
})

test.if(canMount)(
  'where it cannot be exchanged, no second file with the secret is left',
  async () => {
    const place = join(folder, 'place')
    const path = join(place, 'mounted.env')
    await mkdir(place)
    await writeFile(path, 'A=1\n')
    const program = `
    import { saveSetting } from '${join(import.meta.dir, '../../src/setup/save-setting.ts')}'
    console.log(await saveSetting('${path}', 'DODO_WEBHOOK_SECRET', 'new').then(String, String))`
    // As Docker mounts a single file.
    const mounted = 'mount --bind "$0" "$0" && exec "$1" -e "$2"'
    const child = spawnSync(unshare, [
      ...alone,
      'sh',
      '-c',
      mounted,
      path,
      process.execPath,
      program,
    ])

    expect(child.stdout.toString()).toMatch(/EBUSY/)
    expect(await readdir(place)).toEqual(['mounted.env'])
    expect(await readFile(path, 'utf8')).toBe('A=1\n')
  },
)
