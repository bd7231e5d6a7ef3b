import type { Context, ErrorHandler, MiddlewareHandler } from 'hono'

/**
 * One way for a service to misbehave. `status` refuses without doing what was asked; `hang` holds
 * the request for `ms` and then closes it, undone; `drop` closes it at once, undone; `after_status`
 * and `after_drop` do it first and then lie or vanish; `delay` does it after `ms`.
 */
export type FaultRule = {
  kind: 'status' | 'hang' | 'drop' | 'after_status' | 'after_drop' | 'delay'
  status?: number | undefined
  ms?: number | undefined
  /** `path` is looked for as a substring, then as a regular expression. */
  match?: { method?: string | undefined; path?: string | undefined } | undefined
  /** How many requests it spoils; without it, all until cleared. */
  times?: number | undefined
  /** From 0 to 1; without it, always. */
  probability?: number | undefined
}

/** What an operator or a test may break on one side. */
export type Faults = {
  add: (rule: FaultRule) => void
  clear: () => void
  list: () => FaultRule[]
  /** How many requests were spoilt since it began. */
  spoilt: () => number
  middleware: MiddlewareHandler
}

export const FAULT_KINDS = [
  'status',
  'hang',
  'drop',
  'after_status',
  'after_drop',
  'delay',
] as const satisfies readonly FaultRule['kind'][]

const DEFAULT_STATUS = 500
const DEFAULT_HANG_MS = 60_000
const DEFAULT_DELAY_MS = 1_000

/** The connection ended without an answer: what a caller in this process sees for a reset. */
class ConnectionDropped extends Error {
  override name = 'ConnectionDropped' as const
  readonly code = 'ECONNRESET'

  constructor() {
    super('the sandbox dropped the connection')
  }
}

/** Lets a dropped connection reach the caller; install it as `app.onError(keepDropped(next))`. */
export function keepDropped(otherwise: ErrorHandler): ErrorHandler {
  return (error, c) => {
    if (error instanceof ConnectionDropped) throw error
    return otherwise(error, c)
  }
}

/**
 * The switches of one service. The app that uses the middleware must pass its errors through
 * `keepDropped`, or an in-process caller sees a 500 where it should see a broken connection.
 */
export function createFaults(
  options: { answer?: (status: number) => Response; random?: () => number } = {},
): Faults {
  const { answer = plainAnswer, random = Math.random } = options
  let rules: FaultRule[] = []
  let spoilt = 0

  const take = (method: string, path: string) => {
    const rule = rules.find((candidate) => applies(candidate, { method, path }, random))
    if (rule?.times === undefined) return rule

    rule.times -= 1
    if (rule.times <= 0) rules = rules.filter((other) => other !== rule)
    return rule
  }

  return {
    add: (rule) => void rules.push({ ...rule }),
    clear: () => {
      rules = []
    },
    list: () => rules.map((rule) => ({ ...rule })),
    spoilt: () => spoilt,
    middleware: async function spoil(c, next) {
      const rule = take(c.req.method, c.req.path)
      if (!rule) return next()
      spoilt += 1

      const { kind, status = DEFAULT_STATUS } = rule
      switch (kind) {
        case 'status':
          return answer(status)
        case 'drop':
          return dropConnection(c)
        case 'hang':
          await sleep(rule.ms ?? DEFAULT_HANG_MS, c.req.raw.signal)
          return dropConnection(c)
        case 'delay':
          await sleep(rule.ms ?? DEFAULT_DELAY_MS)
          return next()
        case 'after_status':
          await next()
          return replaceResponse(c, answer(status))
        case 'after_drop':
          await next()
          return replaceResponse(c, dropConnection(c))
      }
    },
  }
}

/** Lets what succeeded seem never to have been answered, for the requests that are chosen. */
export function loseAnswers(isLost: (c: Context) => boolean): MiddlewareHandler {
  return async function loseAnswer(c, next) {
    const lost = isLost(c)
    await next()
    if (lost && c.res.ok) replaceResponse(c, dropConnection(c))
  }
}

function applies(
  rule: FaultRule,
  request: { method: string; path: string },
  random: () => number,
): boolean {
  if (rule.times !== undefined && rule.times <= 0) return false
  const { method, path } = rule.match ?? {}
  if (method && method.toUpperCase() !== request.method) return false
  if (path && !request.path.includes(path) && !new RegExp(path).test(request.path)) return false
  return rule.probability === undefined || random() < rule.probability
}

/** Behind Bun's server a body that fails before its first byte resets the socket; elsewhere we throw. */
function dropConnection(c: Context): Response {
  if (!isBunServer(c.env)) throw new ConnectionDropped()

  // An error with a value would be printed by Bun; one without is as final and silent.
  return new Response(new ReadableStream({ pull: (controller) => controller.error() }))
}

function isBunServer(env: unknown): boolean {
  if (typeof env !== 'object' || env === null) return false
  return 'requestIP' in env || ('server' in env && isBunServer(env.server))
}

/** Hono keeps the headers of the response it replaces unless that one is forgotten first. */
function replaceResponse(c: Context, response: Response): void {
  c.res = undefined
  c.res = response
}

function plainAnswer(status: number): Response {
  return Response.json({ status, error: 'fault injected by the sandbox' }, { status })
}

function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms)
    signal?.addEventListener(
      'abort',
      () => {
        clearTimeout(timer)
        resolve()
      },
      { once: true },
    )
  })
}
