import { z } from 'zod'

import { Unsealable, type Seal } from '../../../highlevel/sealed.ts'

/** A captured payload of HighLevel's can be shown again, so what it opens ends soon. */
export const SESSION_SECONDS = 600
const ABOUT = 'settings session'
const MAX_LENGTH = 2_000

const Session = z.object({ locationId: z.string(), userId: z.string(), endsAt: z.number() })
export type Session = z.infer<typeof Session>

/** A token for the settings page: sealed with a nonce of its own, so nobody makes one, and none is stored. */
export const openSession = (
  seal: Seal,
  { locationId, userId }: Pick<Session, 'locationId' | 'userId'>,
  now: Date,
): string => {
  const endsAt = now.getTime() + SESSION_SECONDS * 1_000
  return seal.seal(JSON.stringify({ locationId, userId, endsAt } satisfies Session), ABOUT)
}

/** Whose token it is; undefined for what is none of ours, or has ended. */
export function readSession(seal: Seal, token: string | undefined, now: Date): Session | undefined {
  if (token === undefined || token.length > MAX_LENGTH) return undefined
  try {
    const session = Session.parse(JSON.parse(seal.open(token, ABOUT).text))
    return session.endsAt > now.getTime() ? session : undefined
  } catch (error) {
    if (error instanceof Unsealable) return undefined
    throw error
  }
}
