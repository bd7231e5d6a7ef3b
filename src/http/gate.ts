import net from 'node:net'

import { createBodyRoom, type BodyRoom } from './body-room.ts'
import { RETRY_AFTER_SECONDS, type Refusal } from './refusal.ts'

/** More connections than any sender and its proxy need; each costs some kilobytes, whatever it sends. */
const MAX_CONNECTIONS = 1_000
/** What comes after the refusal is read past for so long, so that the refusal arrives. */
const LINGER_MS = 1_000
/** What all requests in hand may take, heads included. A body of 32 MiB fits, if it is alone. */
const ROOM = { smallRoomBytes: 20 * 1024 * 1024, bigRoomBytes: 34 * 1024 * 1024 }

type Place = ReturnType<BodyRoom['enter']>

/**
 * Listens in front of a server whose heads are large, and which takes them in before anybody can judge them: what
 * all connections have sent counts, head and body alike, and where there is no room the one that has been on its
 * way longest is refused with 503. Counts by connection, without reading HTTP, so the server must answer one
 * request on each and close it (`Connection: close`).
 */
export async function openGate(
  { port, host = '0.0.0.0' }: { port: number; host: string | undefined },
  serverPort: number,
) {
  const room = createBodyRoom(ROOM)
  const connections = new Map<net.Socket, () => void>()
  /** Who is behind a connection to the server, by its port. */
  const addresses = new Map<number, string>()

  function pass(client: net.Socket) {
    const inner = net.connect({ port: serverPort, host: '127.0.0.1' })
    const place = room.enter(0)
    const refuse = () => refuseAndLinger(client, inner)
    const address = client.remoteAddress ?? 'unknown'

    inner.on('connect', () => addresses.set(inner.localPort ?? 0, address))
    client.on('data', (piece: Uint8Array) => take(place, piece, { client, inner, refuse }))
    inner.on('drain', () => client.resume())
    inner.pipe(client)
    place.evicted.catch(refuse)
    client.on('error', () => inner.destroy()).on('close', () => inner.destroy())
    inner.on('error', () => client.destroy())
    inner.on('close', () => {
      room.leave(place)
      addresses.delete(inner.localPort ?? 0)
      connections.delete(client)
      linger(client)
    })
    connections.set(client, refuse)
    const [oldest] = connections.values()
    if (connections.size > MAX_CONNECTIONS) oldest?.()
  }

  function take(
    place: Place,
    piece: Uint8Array,
    { client, inner, refuse }: { client: net.Socket; inner: net.Socket; refuse: () => void },
  ) {
    if (inner.destroyed) return
    try {
      room.grow(place, piece.byteLength)
    } catch {
      refuse()
      return
    }
    if (!inner.write(piece)) client.pause()
  }

  const gate = net.createServer(pass)
  await new Promise<void>((resolve, reject) => {
    gate.once('error', reject)
    gate.listen({ port, host, exclusive: true }, resolve)
  })
  const bound = gate.address() as net.AddressInfo

  return {
    port: bound.port,
    addressOf: (innerPort: number) => addresses.get(innerPort),
    /** Accepts nothing new. Resolves when those in hand are answered. */
    stop: () => new Promise<void>((resolve) => void gate.close(() => resolve())),
  }
}

const REFUSED = JSON.stringify({ error: 'too many requests at once, please try again' })
const REFUSAL = [
  `HTTP/1.1 ${503 satisfies Refusal['status']} Service Unavailable`,
  `Retry-After: ${RETRY_AFTER_SECONDS}`,
  'Content-Type: application/json',
  `Content-Length: ${REFUSED.length}`,
  'Cache-Control: no-store',
  'Connection: close',
  '',
  REFUSED,
].join('\r\n')

function refuseAndLinger(client: net.Socket, inner: net.Socket) {
  if (inner.destroyed) return
  inner.unpipe(client)
  inner.destroy()
  client.write(REFUSAL)
  linger(client)
}

/** Closed with something unread, the answer could be lost on its way. */
function linger(client: net.Socket) {
  client.end()
  client.resume()
  setTimeout(() => client.destroy(), LINGER_MS).unref()
}
