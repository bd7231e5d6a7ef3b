import { chownSync, existsSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { spawn, type ChildProcess } from 'node:child_process'
import { Glob } from 'bun'
import postgres from 'postgres'

import { freePort } from '../free-port.ts'

const PATIENCE_MS = 90_000
const LOOK_MS = 300
const PASSWORD = 'of-the-proof'
const NODES = ['one', 'two'] as const
type Node = (typeof NODES)[number]
type Member = { name: string; role: string; state: string }

/** Where Debian puts what is needed, or why it cannot be tried. */
export function findFailover(): { bin: string } | { why: string } {
  const [bin] = [...new Glob('/usr/lib/postgresql/*/bin').scanSync({ onlyFiles: false, cwd: '/' })]
    .toSorted()
    .toReversed()
  if (process.getuid?.() !== 0)
    return { why: 'servers of Postgres are run as another user, which only root can' }
  if (!bin) return { why: "Debian's postgresql is not installed" }
  if (!existsSync('/usr/bin/patroni')) return { why: "Debian's patroni is not installed" }
  if (!existsSync('/usr/bin/etcd')) return { why: "Debian's etcd-server is not installed" }
  return { bin: join('/', bin) }
}

/** A primary with a synchronous standby, which Patroni looks after, and etcd what it agrees on. */
export async function openCluster(bin: string) {
  const account = accountOf('postgres')
  const folder = mkdtempSync('/tmp/bridge-failover-')
  const own = (path: string) => (chownSync(path, account.uid, account.gid), path)
  own(folder)
  const children = new Set<ChildProcess>()
  function start(command: string, args: string[], env: Record<string, string> = {}) {
    const child = spawn(command, args, {
      ...account,
      cwd: folder,
      detached: true,
      stdio: 'ignore',
      env: { PATH: `${bin}:/usr/bin:/bin`, LC_ALL: 'C.UTF-8', HOME: folder, ...env },
    })
    children.add(child)
    return child
  }
  /** With all that it has begun. */
  function end(child: ChildProcess | undefined) {
    if (!child?.pid) return
    children.delete(child)
    try {
      process.kill(-child.pid, 'SIGKILL')
    } catch {
      // It is gone.
    }
  }

  const [client, peer] = [await freePort(), await freePort()]
  const urls = [client, peer].map((port) => `http://127.0.0.1:${port}`)
  const [clients = '', peers = ''] = urls
  const etcd = {
    'data-dir': join(folder, 'etcd'),
    'initial-cluster': `default=${peers}`,
    'listen-client-urls': clients,
    'advertise-client-urls': clients,
    'listen-peer-urls': peers,
    'initial-advertise-peer-urls': peers,
  }
  start(
    '/usr/bin/etcd',
    Object.entries(etcd).map(([name, value]) => `--${name}=${value}`),
  )
  const nodes = new Map<Node, { port: number; rest: number; child: ChildProcess | undefined }>()
  for (const name of NODES)
    nodes.set(name, { port: await freePort(), rest: await freePort(), child: undefined })

  function startNode(name: Node) {
    const node = nodes.get(name)
    if (!node) return
    const path = join(folder, `${name}.yml`)
    writeFileSync(path, JSON.stringify(settingsOf({ name, node, folder, bin, etcd: client })))
    own(path)
    node.child = start('/usr/bin/patroni', [path])
  }

  async function members(): Promise<Member[]> {
    for (const { rest, child } of nodes.values()) {
      if (!child) continue
      const answer = await fetch(`http://127.0.0.1:${rest}/cluster`).catch(() => undefined)
      if (answer?.ok) return ((await answer.json()) as { members: Member[] }).members
    }
    return []
  }

  const until = async (what: string, isSo: (all: Member[]) => boolean) => {
    const untilMs = performance.now() + PATIENCE_MS
    while (!isSo(await members())) {
      if (performance.now() > untilMs) throw new Error(`${what} within ${PATIENCE_MS / 1_000} s`)
      await Bun.sleep(LOOK_MS)
    }
  }
  async function close() {
    for (const child of children) end(child)
    await Bun.sleep(LOOK_MS)
    await rm(folder, { recursive: true, force: true })
  }

  mkdirSync(join(folder, 'etcd'), { mode: 0o700 })
  own(join(folder, 'etcd'))
  const hosts = [...nodes.values()].map(({ port }) => `127.0.0.1:${port}`).join(',')
  const url = `postgres://postgres:${PASSWORD}@${hosts}/bridge?target_session_attrs=read-write`
  try {
    startNode('one')
    await until('there is no primary', (all) => leaderOf(all)?.state === 'running')
    startNode('two')
    await until('there is no synchronous standby', isWhole)
    const port = nodes.get('one')?.port ?? 0
    const admin = postgres(`postgres://postgres:${PASSWORD}@127.0.0.1:${port}/postgres`, { max: 1 })
    await admin.unsafe('create database bridge')
    await admin.end()
  } catch (error) {
    await close()
    throw error
  }
  return {
    url,
    /** The primary's machine is gone: its server, and who looks after it. Returns once another is the primary. */
    async losePrimary() {
      const lost = leaderOf(await members())?.name as Node
      const node = nodes.get(lost)
      end(node?.child)
      if (node) node.child = undefined
      killServerIn(join(folder, lost))
      await until('nobody was promoted', (all) => {
        const leader = leaderOf(all)
        return leader !== undefined && leader.name !== lost && leader.state === 'running'
      })
      return lost
    },
    /** The machine is back, as a standby. */
    async bringBack(name: Node) {
      startNode(name)
      await until('the standby did not come back', isWhole)
    },
    close,
  }
}

const leaderOf = (all: Member[]) => all.find(({ role }) => role === 'leader')
const isWhole = (all: Member[]) =>
  leaderOf(all)?.state === 'running' && all.some(({ role }) => role === 'sync_standby')

/** Patroni begins the server in a session of its own. */
function killServerIn(data: string) {
  try {
    const pid = Number(readFileSync(join(data, 'postmaster.pid'), 'utf8').split('\n')[0])
    for (const child of childrenOf(pid)) process.kill(child, 'SIGKILL')
    process.kill(pid, 'SIGKILL')
  } catch {
    // It is gone.
  }
}

function childrenOf(pid: number): number[] {
  const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim()
  return text === '' ? [] : text.split(/\s+/).map(Number)
}

function settingsOf({
  name,
  node,
  folder,
  bin,
  etcd,
}: {
  name: Node
  node: { port: number; rest: number }
  folder: string
  bin: string
  etcd: number
}) {
  return {
    scope: 'bridge',
    name,
    restapi: { listen: `127.0.0.1:${node.rest}`, connect_address: `127.0.0.1:${node.rest}` },
    etcd3: { host: `127.0.0.1:${etcd}` },
    bootstrap: {
      dcs: {
        ttl: 20,
        loop_wait: 2,
        retry_timeout: 5,
        synchronous_mode: true,
        postgresql: { parameters: { max_connections: 100 } },
      },
      initdb: [{ encoding: 'UTF8' }, 'data-checksums'],
    },
    postgresql: {
      listen: `127.0.0.1:${node.port}`,
      connect_address: `127.0.0.1:${node.port}`,
      data_dir: join(folder, name),
      bin_dir: bin,
      pgpass: join(folder, `pgpass-${name}`),
      pg_hba: [
        'local all all trust',
        'host all all 127.0.0.1/32 md5',
        'host replication all 127.0.0.1/32 md5',
      ],
      parameters: { unix_socket_directories: folder },
      authentication: { superuser: user('postgres'), replication: user('replicator') },
    },
  }
}

const user = (username: string) => ({ username, password: PASSWORD })

function accountOf(name: string): { uid: number; gid: number } {
  const line = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .find((one) => one.startsWith(`${name}:`))
  const [, , uid, gid] = line?.split(':') ?? []
  if (!uid || !gid) throw new Error(`there is no user ${name}`)
  return { uid: Number(uid), gid: Number(gid) }
}
