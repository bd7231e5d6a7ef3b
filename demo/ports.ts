const isTaken = (error: unknown) => (error as { code?: unknown }).code === 'EADDRINUSE'

const MAX_TRIES = 5

/** Starts something on the port that is wanted, or on a free one if that is taken. */
export async function onFreePort<Started>(
  wanted: number,
  start: (port: number) => Promise<Started>,
): Promise<Started> {
  let port = (await probe(wanted)) ?? (await freePort())
  for (let tries = 1; ; tries += 1) {
    try {
      return await start(port)
    } catch (error) {
      // Another demonstration may have taken it between the look and the start.
      if (!isTaken(error) || tries === MAX_TRIES) throw error
      port = await freePort()
    }
  }
}

async function freePort(): Promise<number> {
  const port = await probe(0)
  if (port === undefined) throw new Error('this machine has no free port')
  return port
}

async function probe(wanted: number): Promise<number | undefined> {
  try {
    const server = Bun.serve({ port: wanted, fetch: () => new Response() })
    const { port } = server
    await server.stop(true)
    return port
  } catch (error) {
    if (isTaken(error)) return undefined
    throw error
  }
}
