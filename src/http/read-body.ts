import { withDeadline, DeadlineExceeded } from '../deadline.ts'
import { BIG_BODY_BYTES } from '../db/readable-body.ts'
import type { BodyRoom } from './body-room.ts'
import { Refusal } from './refusal.ts'

/** Whoever sends more slowly than this is not one of the two services. */
const ARRIVAL_MS = 60_000
/** Smaller pieces are let gather for a moment: one at a time they would cost more than they carry. */
const PIECE_BYTES = 16 * 1024
const GATHER_MS = 2
/** A body that is announced as so short is taken in one piece: what a thousand of them hold is less than the room there is. */
const SHORT_BYTES = 16 * 1024
/** What is hashed at a stretch, so that nobody waits longer for the event loop. */
const STRETCH_BYTES = 1024 * 1024

/** A body that is all there. It is put into one piece, or given away, only for who asks for that. */
export type Body = {
  bytes: number
  read: () => Buffer
  /** For another thread: what is given away can be read here no more. */
  giveAway: () => ArrayBuffer[]
}

/**
 * Reads a body within the room there is and hands each piece to `update` as it comes. `use` then gets the raw bytes,
 * which keep their room until it is done. Throws a `Refusal` for what is too large or finds no room.
 */
export async function withBody<Result>(
  request: Request,
  { room, maxBytes }: { room: BodyRoom; maxBytes: number },
  update: (piece: Uint8Array) => void,
  use: (body: Body) => Promise<Result>,
): Promise<Result> {
  const announced = readLength(request.headers)
  if (announced > maxBytes) throw tooLarge(maxBytes)
  const isShort = announced > 0 && announced <= SHORT_BYTES
  const reader = isShort ? undefined : request.body?.getReader()
  const place = room.enter(announced)
  const pieces: Uint8Array[] = []

  async function readAtOnce() {
    const whole = new Uint8Array(await request.arrayBuffer())
    room.grow(place, whole.byteLength)
    pieces.push(whole)
    update(whole)
  }

  async function readPieces() {
    for (;;) {
      const piece = await reader?.read()
      const value: Uint8Array | undefined = piece?.value
      if (!value) return
      room.grow(place, value.byteLength)
      if (place.bytes > maxBytes) throw tooLarge(maxBytes)
      // One that may be given away shares its memory with nobody.
      pieces.push(place.bytes > BIG_BODY_BYTES ? new Uint8Array(value) : value)
      await inStretches(value, update)
      // Nothing comes after what was announced.
      if (place.bytes === announced) return
      if (value.byteLength < PIECE_BYTES) await Bun.sleep(GATHER_MS)
      else await letOthersRun()
    }
  }

  try {
    await withDeadline(
      'a body',
      ARRIVAL_MS,
      Promise.race([isShort ? readAtOnce() : readPieces(), place.evicted]),
    )
    place.isComplete = true
    return await use({
      bytes: place.bytes,
      read: () => join(pieces),
      giveAway: () => pieces.splice(0).map(toOwnBuffer),
    })
  } catch (error) {
    if (place.isComplete || error instanceof Refusal) throw error
    if (error instanceof DeadlineExceeded) throw new Refusal(503, 'the body took too long')
    throw new Refusal(400, 'the body broke off')
  } finally {
    room.leave(place)
    // What is still to come is read past, and kept by nobody.
    if (!place.isComplete) reader?.cancel().catch(() => undefined)
  }
}

async function inStretches(piece: Uint8Array, update: (stretch: Uint8Array) => void) {
  for (let start = 0; start < piece.byteLength; start += STRETCH_BYTES) {
    if (start > 0) await letOthersRun()
    update(piece.subarray(start, start + STRETCH_BYTES))
  }
}

const letOthersRun = () => new Promise<void>((resume) => void setImmediate(resume))

/** Puts the pieces together, once. */
function join(pieces: Uint8Array[]): Buffer {
  const [first] = pieces
  if (first && pieces.length === 1) {
    return Buffer.from(first.buffer, first.byteOffset, first.byteLength)
  }
  const whole = Buffer.concat(pieces)
  pieces.splice(0, pieces.length, whole)
  return whole
}

const toOwnBuffer = (piece: Uint8Array): ArrayBuffer => {
  const { buffer } = piece
  const isWhole = buffer instanceof ArrayBuffer && buffer.byteLength === piece.byteLength
  return isWhole ? buffer : new Uint8Array(piece).buffer
}

/** What the sender announces; 0 for a body of unknown length. */
const readLength = (headers: Headers) => {
  const announced = headers.has('transfer-encoding') ? 0 : Number(headers.get('content-length'))
  return Number.isFinite(announced) ? announced : 0
}

const tooLarge = (maxBytes: number) =>
  new Refusal(413, `the body is larger than ${maxBytes / 1024 / 1024} MiB`)
