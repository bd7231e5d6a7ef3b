import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import postgres from 'postgres'

import { openEmbeddedPostgres } from '../src/db/embedded.ts'
import { KEYS } from './keys.ts'
import type { Load, Measured } from './sender.ts'

/** Of all Linux systems that Bun runs on: ticks of the processor's clock in a second. */
const TICKS = 100
const at = (file: string) => fileURLToPath(new URL(file, import.meta.url))

/** What senders sign with. */
const SENT_WITH = {
  lagoKey: KEYS.lago.hmacKey,
  dodoSecret: KEYS.dodo.webhookSecret,
  organizationId: KEYS.lago.organizationId,
}

type ServicesState = {
  counts: { lago: number; dodo: number }
  opened: number
  paid: number
  billToOpenMs: number
}
type Ready = { port: number; lagoUrl?: string; dodoUrl?: string }

export type World = Awaited<ReturnType<typeof openWorld>>
export type Server = Awaited<ReturnType<World['start']>>

/**
 * One Postgres for everybody, at its durable defaults: `DATABASE_URL`, or one that is made for this run. Both services
 * answer 404 to everything: what is measured is receiving, and a settle that ends at once.
 */
export async function openWorld() {
  const given = process.env['DATABASE_URL']
  const folder = await mkdtemp(join(tmpdir(), 'bridge-bench-'))
  const own = given ? undefined : await openEmbeddedPostgres({ dataDir: folder })
  const url = given ?? own?.url ?? ''
  const sql = postgres(url, { max: 2, onnotice: () => undefined })
  await sql`create table if not exists public.plain_deliveries (
    id text primary key, body bytea not null, received_at timestamptz not null)`
  const postmaster =
    own &&
    Number((await readFile(join(folder, 'postgres-18/data/postmaster.pid'), 'utf8')).split('\n')[0])
  const services = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    fetch: () => Response.json({ status: 404, code: 'not_found' }, { status: 404 }),
  })
  const children = new Set<Bun.Subprocess>()

  async function start(command: string[], env: Record<string, string> = {}) {
    const startedAt = performance.now()
    const child = Bun.spawn([process.execPath, ...command], {
      cwd: tmpdir(),
      env: { PATH: process.env['PATH'] ?? '', PORT: '0', ...env },
      stdin: 'ignore',
      stdout: 'pipe',
      stderr: 'ignore',
    })
    children.add(child)
    const said = await readReady(child.stdout)
    return {
      ...said,
      pid: child.pid,
      readyMs: performance.now() - startedAt,
      async stop() {
        child.kill('SIGKILL')
        await child.exited
        children.delete(child)
      },
    }
  }

  return {
    url,
    sql,
    start,
    startPlain: (mode: 'verify' | 'insert' | 'group') =>
      start([at('plain-server.ts'), mode, url, KEYS.lago.hmacKey]),
    startBridge: (env: Record<string, string> = {}) =>
      start(['--no-env-file', at('../src/main.ts')], {
        DATABASE_URL: url,
        LAGO_API_URL: services.url.origin,
        LAGO_API_KEY: KEYS.lago.apiKey,
        LAGO_WEBHOOK_HMAC_KEY: KEYS.lago.hmacKey,
        DODO_API_URL: services.url.origin,
        DODO_API_KEY: KEYS.dodo.apiKey,
        DODO_WEBHOOK_SECRET: KEYS.dodo.webhookSecret,
        ...env,
      }),
    /** A Lago and a Dodo that answer after `delayMs`, and what makes something happen there. */
    async startServices(delayMs = 0) {
      const server = await start([at('services.ts'), String(delayMs)])
      const act = async (name: string, of: object = {}) => {
        const body = JSON.stringify({ act: name, ...of })
        const response = await fetch(`http://127.0.0.1:${server.port}`, { method: 'POST', body })
        return (await response.json()) as ServicesState
      }
      return { ...server, act }
    },
    /** Seconds of the processor that Postgres used by now; 0 for one that is not ours to look into. */
    postgresSeconds: async () => (postmaster ? secondsOfTree(postmaster) : 0),
    async send(load: Omit<Load, keyof typeof SENT_WITH>): Promise<Measured> {
      const order = JSON.stringify({ ...SENT_WITH, ...load })
      const child = Bun.spawn([process.execPath, at('sender.ts'), order], { stdout: 'pipe' })
      return JSON.parse(await new Response(child.stdout).text()) as Measured
    },
    /** Transactions that the server has ended by now. */
    async transactions() {
      const [row] = await sql<{ count: string }[]>`
        select sum(xact_commit + xact_rollback) as count from pg_stat_database`
      return Number(row?.count)
    },
    async close() {
      for (const child of children) child.kill('SIGKILL')
      await services.stop(true)
      if (given) await sql`drop table public.plain_deliveries`
      await sql.end()
      await own?.release()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/** Of the line that says that a server is ready; the rest is read past, or its pipe would fill. */
async function readReady(stdout: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<Ready> {
  const reader = stdout.pipeThrough(new TextDecoderStream()).getReader()
  let text = ''
  for (;;) {
    const { value, done } = await reader.read()
    if (done) throw new Error(`a server did not become ready: ${text}`)
    text += value
    const line = text.split('\n').find((one) => one.includes('bridge ready') && one.endsWith('}'))
    if (!line) continue
    void (async () => {
      while (!(await reader.read()).done);
    })()
    return JSON.parse(line) as Ready
  }
}

/** Seconds of the processor that a process used; with those of its ended children for a postmaster. */
export async function secondsOf(pid: number, withEnded = false): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')
  const fields = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number)
  const [user = 0, system = 0, endedUser = 0, endedSystem = 0] = fields.slice(11, 15)
  return (user + system + (withEnded ? endedUser + endedSystem : 0)) / TICKS
}

async function secondsOfTree(pid: number): Promise<number> {
  const list = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8')
  const own = await secondsOf(pid, true)
  const others = await Promise.all(
    list
      .split(' ')
      .filter(Boolean)
      .map((one) => secondsOf(Number(one))),
  )
  return others.reduce((sum, one) => sum + one, own)
}

export async function memoryMib(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024
}
