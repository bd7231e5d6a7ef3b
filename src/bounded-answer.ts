import { isUtf8 } from 'node:buffer'

/** Two invoices of the size that Lago sends at most, as they are after unpacking. */
const MAX_BYTES = 64 * 1024 * 1024
/** More levels than any answer of either service has: whoever walks through it must come to an end. */
const MAX_DEPTH = 200

/** Why an answer is not read. */
export class Unreadable extends Error {
  override name = 'Unreadable' as const
}

/**
 * The body of an answer, unpacked. It is read piece by piece and given up as soon as it is too large or nested
 * too deep, so that a service that has gone mad costs us one call, not our memory.
 */
export async function readBounded(
  { body }: Response,
  signal: AbortSignal,
): Promise<Uint8Array<ArrayBuffer>> {
  if (!body) return new Uint8Array()
  const pieces: Uint8Array[] = []
  const measure = createDepthMeter()
  let length = 0
  const reader = body.getReader()
  const giveUp = () => void reader.cancel().catch(() => undefined)
  signal.addEventListener('abort', giveUp, { once: true })
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) break
      length += value.byteLength
      if (length > MAX_BYTES) throw new Unreadable(`it is larger than ${MAX_BYTES / 1024 ** 2} MiB`)
      if (measure(value) > MAX_DEPTH) throw new Unreadable(`it is nested deeper than ${MAX_DEPTH}`)
      pieces.push(value)
    }
    // A body that was given up ends like one that is complete.
    signal.throwIfAborted()
  } finally {
    signal.removeEventListener('abort', giveUp)
    // Ends the connection when there is more to come; after the end it does nothing.
    giveUp()
  }
  const bytes = join(pieces, length)
  if (!isUtf8(bytes)) throw new Unreadable('it is not UTF-8')
  return bytes
}

function join(pieces: readonly Uint8Array[], length: number): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(length)
  let offset = 0
  for (const piece of pieces) {
    all.set(piece, offset)
    offset += piece.byteLength
  }
  return all
}

const [QUOTE, BACKSLASH] = [0x22, 0x5c]
const [OPEN_BRACKET, CLOSE_BRACKET, OPEN_BRACE, CLOSE_BRACE] = [0x5b, 0x5d, 0x7b, 0x7d]

/** Tells how deep the JSON that it is fed has been nested so far, brackets in strings apart. */
function createDepthMeter() {
  let [depth, deepest] = [0, 0]
  let isInString = false
  let isEscaped = false

  return function measure(piece: Uint8Array): number {
    for (let at = 0; at < piece.length; at += 1) {
      const byte = piece[at]
      if (isEscaped) isEscaped = false
      else if (byte === QUOTE) isInString = !isInString
      else if (isInString) isEscaped = byte === BACKSLASH
      else if (byte === OPEN_BRACKET || byte === OPEN_BRACE) {
        depth += 1
        if (depth > deepest) deepest = depth
      } else if (byte === CLOSE_BRACKET || byte === CLOSE_BRACE) depth -= 1
    }
    return deepest
  }
}
