import type { Tap } from '../test/support/tap.ts'

const timedOut = () => Object.assign(new Error('timed out'), { code: 'ETIMEDOUT' })
const reset = () => Object.assign(new Error('reset'), { code: 'ECONNRESET' })
const answer = (status: number, code: string) =>
  Response.json({ status, code, message: code, error: code }, { status })

/** What may become of a call. */
export const WAYS = {
  'refused before': async () => answer(500, 'INTERNAL_SERVER_ERROR'),
  'lost before': async () => Promise.reject(reset()),
  'lost after its effect': async (_request, go) => {
    await go()
    throw reset()
  },
  'carried out after it was given up': async () => Promise.reject(timedOut()),
  'answered with no JSON': async (_request, go) => {
    await go()
    return new Response('<<<', { status: 200, headers: { 'Content-Type': 'text/plain' } })
  },
  '429': async () => answer(429, 'TOO_MANY_REQUESTS'),
  '401': async () => answer(401, 'UNAUTHORIZED'),
  '403': async () => answer(403, 'forbidden_permission'),
} satisfies Record<string, Tap>
export type Way = keyof typeof WAYS

export const WAY_NAMES = Object.keys(WAYS) as Way[]
/** The second of a pair: those that leave the most in doubt. */
export const SECOND_WAYS: readonly Way[] = [
  'lost after its effect',
  'refused before',
  'lost before',
]
