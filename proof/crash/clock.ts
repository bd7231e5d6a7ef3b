import { readFileSync } from 'node:fs'

/** Loaded before the bridge: the clock of its machine is off by as many milliseconds as a file says, from a moment on. */
const file = process.env['CLOCK_FILE'] ?? ''
const LOOK_MS = 100
const Real = Date
let offMs = 0

function look() {
  try {
    offMs = Number(readFileSync(file, 'utf8'))
  } catch {
    offMs = 0
  }
}

look()
setInterval(look, LOOK_MS).unref()

class Off extends Real {
  constructor(...given: [] | [number | string | Date]) {
    if (given.length === 0) super(Real.now() + offMs)
    else super(...given)
  }

  static override now = () => Real.now() + offMs
}

globalThis.Date = new Proxy(Off, {
  construct: (_target, given: unknown[], made) =>
    given.length <= 1
      ? (Reflect.construct(Off, given, made) as object)
      : (Reflect.construct(Real, given) as object),
}) as unknown as DateConstructor
