import { connect, createServer, type Socket } from 'node:net'

/** A TCP proxy that cuts connections where a test says: after so many bytes of the client, or all at once. */
export async function openCutProxy(target: { port: number } | { path: string }) {
  const pairs = new Set<{ client: Socket; upstream: Socket }>()
  const behaviour = { cutAfter: Infinity, isReset: false, isSilent: false, target }
  const server = createServer((client) => {
    const upstream = connect(behaviour.target as { port: number })
    const pair = { client, upstream }
    pairs.add(pair)
    let passed = 0
    const end = () => {
      pairs.delete(pair)
      if (behaviour.isReset) client.resetAndDestroy()
      else client.destroy()
      upstream.destroy()
    }
    client.on('data', (bytes: Buffer) => {
      if (behaviour.isSilent) return
      const left = behaviour.cutAfter - passed
      passed += bytes.length
      upstream.write(bytes.subarray(0, Math.max(0, left)))
      if (bytes.length < left) return
      behaviour.cutAfter = Infinity
      // What was let through arrives before the end does.
      upstream.end()
      setTimeout(end, 5)
    })
    upstream.on('data', (bytes) => behaviour.isSilent || client.write(bytes))
    for (const socket of [client, upstream]) socket.on('error', end).on('close', end)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  return {
    port: typeof address === 'object' && address ? address.port : 0,
    behaviour,
    /** Cuts every connection now. */
    cut() {
      for (const { client, upstream } of pairs) {
        client.resetAndDestroy()
        upstream.destroy()
      }
      pairs.clear()
    },
    close() {
      this.cut()
      server.close()
    },
  }
}

/** One that stands before a database; `url` leads there through it. */
export async function openCutProxyTo(databaseUrl: string) {
  const { hostname, port, pathname, username, password } = new URL(databaseUrl)
  const host = decodeURIComponent(hostname)
  const proxy = await openCutProxy(
    host.startsWith('/')
      ? { path: `${host}/.s.PGSQL.${port || 5432}` }
      : { port: Number(port || 5432) },
  )
  const url = `postgres://${username}:${password}@127.0.0.1:${proxy.port}${pathname}?sslmode=disable`
  return { ...proxy, url }
}
