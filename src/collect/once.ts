import { ApiError, Later, PermanentError, Unanswered } from '../errors.ts'
import { LEAVES_WITHIN_MS, type Reserve, type Turn } from '../turn.ts'
import { isRefused, isUnknown, type Refusal } from './unknown-outcome.ts'

/**
 * How long a call may still take effect after it left. While the service has not answered it may be working on
 * it, far beyond our own deadline; a 500 or 503 ends its work, but what it did may take a moment to show.
 */
const UNANSWERED_MS = 75_000
const ANSWERED_MS = 5_000
/** The first look comes soon, because a lost answer mostly hides a call that was carried out; then ever more seldom. */
const FIRST_LOOK_MS = 300
const LAST_LOOK_MS = 10_000
/** What a service answered is known to nobody but us: the ledger is tried again before it is given up. */
const KEEP_AGAIN_MS = [100, 500, 2_000, 5_000]

/** How long is waited after a 5xx, and without an answer, where it is not the usual time. */
type Waits = { answeredMs?: number; unansweredMs?: number }

/** A call that creates something at a service, as data. `Body` is what is sent, `Made` what is known of it then. */
export type Call<Body, Made> = Waits & {
  /** For whoever waits: "whether Dodo refunds pay_1". */
  what: string
  /** When what was begun may be made again; undefined when this ledger never began it. */
  repeatableAt?: Date | undefined
  /** Looks for what the call creates: by its id, then by our reference, never by a window of one clock. */
  find?: () => Promise<Made | undefined>
  /** All that must be asked before: what is sent, or undefined when it is not to be made after all. */
  prepare: () => Promise<Body | undefined>
  reserve: Reserve
  /** Commits the intent, fenced by the state that it starts from: false when that is no longer so. */
  intend: (body: Body, repeatableAt: Date) => Promise<boolean>
  make: (body: Body, turn: Turn) => Promise<Made>
  /** Writes down what was made, or found, with its own amount. Nothing that happens after it can undo it. */
  keep: (made: Made) => Promise<void>
  /** It may have been made: it is looked for, and not repeated before then. */
  doubt: (repeatableAt: Date) => Promise<void>
  /** It was certainly not made: what was intended is as if it had never been. */
  forget: () => Promise<void>
  /** The service said no. What is thrown here is the outcome; by returning it is decided anew. */
  refused: (refusal: Refusal) => Promise<void>
}

/**
 * The one protocol of a call that creates something: look, wait, commit the intent, send, keep the answer.
 * Returns what was made, by this call or an earlier one; undefined when it was not, and is decided anew.
 */
export async function once<Body, Made>(
  { now }: { now: () => Date },
  call: Call<Body, Made>,
): Promise<Made | undefined> {
  const found = await call.find?.()
  if (found !== undefined) {
    await call.keep(found)
    return found
  }
  const { what, repeatableAt, unansweredMs = UNANSWERED_MS } = call
  if (repeatableAt && repeatableAt > now())
    throw new Later(`${what} is not known yet`, nextLook(repeatableAt, unansweredMs, now()))

  const body = await call.prepare()
  if (body === undefined) return undefined
  const turn = await call.reserve()
  const lapsesAt = after(turn.begin(), unansweredMs + LEAVES_WITHIN_MS)
  if (!(await call.intend(body, lapsesAt))) return undefined
  const made = await make(call, body, turn, now)
  if (made !== undefined) await insist(() => call.keep(made))
  return made
}

async function make<Body, Made>(
  call: Call<Body, Made>,
  body: Body,
  turn: Turn,
  now: () => Date,
): Promise<Made | undefined> {
  try {
    return await call.make(body, turn)
  } catch (error) {
    if (isUnknown(error)) {
      await insist(() => call.doubt(repeatableAfter(call, error, turn, now())))
      throw new Unanswered(error.message, after(now(), FIRST_LOOK_MS))
    }
    if (!isRefused(error)) {
      // It has not left, or was turned away at the door.
      if (error instanceof ApiError || error instanceof Later) await insist(call.forget)
      throw error
    }
    await call.refused(error)
    return undefined
  }
}

function repeatableAfter(
  { answeredMs = ANSWERED_MS, unansweredMs = UNANSWERED_MS }: Waits,
  { status }: ApiError,
  turn: Turn,
  failedAt: Date,
): Date {
  const isAnswered = status === 500 || status === 503
  return isAnswered ? after(failedAt, answeredMs) : after(turn.leftAt(), unansweredMs)
}

/** As long again as has passed since the call, within bounds, and once more when it may be repeated. */
function nextLook(repeatableAt: Date, unansweredMs: number, now: Date): Date {
  const sinceMs = unansweredMs - (repeatableAt.getTime() - now.getTime())
  const waitMs = Math.min(Math.max(sinceMs, FIRST_LOOK_MS), LAST_LOOK_MS)
  return new Date(Math.min(repeatableAt.getTime(), now.getTime() + waitMs))
}

/** A session of Postgres that was ended at the wrong moment must not cost what only we know. */
export async function insist(write: () => Promise<unknown>): Promise<void> {
  for (const waitMs of KEEP_AGAIN_MS) {
    try {
      await write()
      return
    } catch (error) {
      if (error instanceof PermanentError || error instanceof Later) throw error
      await Bun.sleep(waitMs)
    }
  }
  await write()
}

const after = (from: Date, ms: number) => new Date(from.getTime() + ms)
