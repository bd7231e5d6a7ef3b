/** A request as somebody received it. */
type Received = { headers: Headers; text: string; body: Body }
type Body = { type: string; timestamp: string; text: string; data: Record<string, unknown> }

const PATIENCE_MS = 20_000

/** Somebody who is told: a real server, that answers as it is told to. */
export function openReceiver() {
  const received: Received[] = []
  const behaviour = { answer: () => new Response('ok') as Response | Promise<Response> }
  const server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    async fetch(request) {
      const text = await request.text()
      received.push({ headers: request.headers, text, body: JSON.parse(text) as Body })
      return behaviour.answer()
    },
  })
  const ofType = (type: string) => received.filter(({ body }) => body.type === type)
  return {
    url: `http://127.0.0.1:${server.port}/hook?room=money`,
    received,
    behaviour,
    ofType,
    async until(check: () => boolean) {
      const deadline = performance.now() + PATIENCE_MS
      while (!check()) {
        if (performance.now() > deadline)
          throw new Error(`received only ${JSON.stringify(received.map(({ body }) => body))}`)
        await Bun.sleep(50)
      }
    },
    close: () => server.stop(true),
  }
}

export type Receiver = ReturnType<typeof openReceiver>
