import { startServer } from '../../test/support/server-process.ts'
import { freePort } from '../free-port.ts'

type Server = Awaited<ReturnType<typeof startServer>>
type Heard = {
  answered: (path: string, asked: string, response: Response) => Promise<void>
  acknowledged: (request: Pick<Request, 'headers' | 'url'>, status: number) => Promise<void>
}

/** Processes of the bridge behind one address, as behind a balancer: in turn those that live, and nobody where none does. */
export function openReplicas({ answered, acknowledged }: Heard) {
  const servers = new Map<number, Server>()
  let turn = 0
  let kills = 0

  async function pass(request: Request): Promise<Response> {
    const ports = [...servers.values()].map(({ port }) => port)
    const port = ports[(turn += 1) % Math.max(1, ports.length)]
    if (port === undefined) return new Response(null, { status: 503 })
    const { pathname, search } = new URL(request.url)
    const body = request.method === 'GET' ? undefined : await request.text()
    const { method, headers } = request
    const init = { method, headers, body, redirect: 'manual' } as const
    try {
      const response = await fetch(`http://127.0.0.1:${port}${pathname}${search}`, init)
      await acknowledged({ headers, url: request.url }, response.status)
      if (method === 'POST') await answered(pathname, body ?? '', response)
      return response
    } catch {
      // It died with the question in hand.
      return new Response(null, { status: 502 })
    }
  }

  const balancer = Bun.serve({ port: 0, hostname: '127.0.0.1', idleTimeout: 60, fetch: pass })
  return {
    url: `http://127.0.0.1:${balancer.port}`,
    kills: () => kills,
    living: () => [...servers.keys()],
    async start(nth: number, { env, preload }: { env: Record<string, string>; preload?: string }) {
      const PORT = String(await freePort())
      const server = await startServer({ ...env, PORT }, preload === undefined ? {} : { preload })
      servers.set(nth, server)
      return server
    },
    /** Kills one as the kernel does, unless it is dead by now. */
    async kill(nth: number) {
      const server = servers.get(nth)
      if (!server) return
      servers.delete(nth)
      kills += 1
      server.killAtOnce()
      await server.stop()
    },
    async close() {
      for (const nth of servers.keys()) await this.kill(nth)
      await balancer.stop(true)
    },
  }
}
