const LOOPBACK = '127.0.0.1'
const EVERYWHERE = '0.0.0.0'
const IDLE_TIMEOUT_SECONDS = 120

type App = { fetch: (request: Request, server: unknown) => Response | Promise<Response> }

/**
 * Serves a sandbox, which must know its URL, which is known once it listens. `host` is the name under which
 * others reach this machine; without one nobody but this machine does.
 */
export function listen<Sandbox extends { app: App; stop: () => void }>(
  { port, host }: { port: number; host?: string | undefined },
  create: (publicUrl: string) => Sandbox,
) {
  let sandbox: Sandbox | undefined
  const server = Bun.serve({
    port,
    hostname: host ? EVERYWHERE : LOOPBACK,
    idleTimeout: IDLE_TIMEOUT_SECONDS,
    development: false,
    reusePort: false,
    fetch: (request, self) =>
      sandbox?.app.fetch(request, self) ?? new Response('starting', { status: 503 }),
  })
  const url = `http://${host ?? LOOPBACK}:${server.port}`
  sandbox = create(url)
  const { stop } = sandbox
  return {
    url,
    sandbox,
    async stop() {
      stop()
      await server.stop(true)
    },
  }
}
