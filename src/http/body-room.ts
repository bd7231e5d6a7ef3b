import { Refusal } from './refusal.ts'

const MIB = 1024 * 1024
/** Below this a body is small. Most deliveries are a hundredth of it. */
const SMALL_BYTES = MIB
/** What all bodies in hand may take together. A big one always fits if it is alone. */
const SMALL_ROOM_BYTES = 24 * MIB
const BIG_ROOM_BYTES = 40 * MIB
/** A big body on its way may take so long before it makes room for others. */
const BIG_PATIENCE_MS = 10_000
/** With each body in hand there is a head in hand, of up to 16 KiB. */
const MOST_BODIES = 1_000

type Body = {
  bytes: number
  isBig: boolean
  isComplete: boolean
  startedAt: number
  /** Rejects when the body had to make room for others. */
  evicted: Promise<never>
  evict: () => void
}

/**
 * Room for the bodies in hand, counted by what has arrived, so that nobody takes room by announcing. Small ones
 * have room of their own and never wait for big ones. Where there is none left, what has been on its way longest
 * is given up: a real sender needs a moment, and whoever keeps a body half sent loses it.
 */
export function createBodyRoom({
  smallRoomBytes = SMALL_ROOM_BYTES,
  bigRoomBytes = BIG_ROOM_BYTES,
  smallBytes = SMALL_BYTES,
  mostBodies = MOST_BODIES,
} = {}) {
  const small = { bodies: new Set<Body>(), bytes: 0, most: smallRoomBytes }
  const big = { bodies: new Set<Body>(), bytes: 0, most: bigRoomBytes }
  const roomOf = ({ isBig }: Body) => (isBig ? big : small)

  function move(body: Body, { isBig }: { isBig: boolean }) {
    leave(body)
    body.isBig = isBig
    roomOf(body).bodies.add(body)
    roomOf(body).bytes += body.bytes
  }

  function leave(body: Body) {
    const room = roomOf(body)
    if (room.bodies.delete(body)) room.bytes -= body.bytes
  }

  function enter(announcedBytes: number): Body {
    const { promise: evicted, reject } = Promise.withResolvers<never>()
    evicted.catch(() => undefined)
    const body = {
      bytes: 0,
      isBig: announcedBytes > smallBytes,
      isComplete: false,
      startedAt: performance.now(),
      evicted,
      evict: () => reject(crowded()),
    }
    if (small.bodies.size + big.bodies.size >= mostBodies) evict(findOldest())
    roomOf(body).bodies.add(body)
    return body
  }

  function evict(victim: Body | undefined) {
    if (!victim) throw crowded()
    victim.evict()
    leave(victim)
  }

  /** Counts what has arrived. Throws a `Refusal` where there is no room for it, or for it no more. */
  function grow(body: Body, bytes: number) {
    if (!roomOf(body).bodies.has(body)) throw crowded()
    body.bytes += bytes
    roomOf(body).bytes += bytes
    if (!body.isBig && body.bytes > smallBytes) move(body, { isBig: true })
    const room = roomOf(body)
    while (room.bytes > room.most) evict(findVictim(body))
  }

  function findOldest(): Body | undefined {
    for (const { bodies } of [small, big]) {
      for (const one of bodies) if (!one.isComplete) return one
    }
    return undefined
  }

  /** The bodies are in the order in which they came. */
  function findVictim(asking: Body): Body | undefined {
    for (const one of roomOf(asking).bodies) {
      if (one === asking || one.isComplete || one.bytes === 0) continue
      const isSlow = performance.now() - one.startedAt > BIG_PATIENCE_MS
      return one.isBig && !isSlow ? undefined : one
    }
    return undefined
  }

  return { enter, grow, leave }
}

export type BodyRoom = ReturnType<typeof createBodyRoom>

const crowded = () => new Refusal(503, 'too many bodies at once, please try again')
