import { createHash, createHmac, hkdfSync, randomUUID, timingSafeEqual } from 'node:crypto'

import type { Context } from 'hono'
import { deleteCookie, getSignedCookie, setSignedCookie } from 'hono/cookie'
import { z } from 'zod'

const LIFETIME_SECONDS = 12 * 3_600
const KEY_BYTES = 32
const NAME = 'bridge'
const MAX_NAME_LENGTH = 40
/** Who gave no name at login. */
const NAMELESS = 'an operator'

const Content = z.object({
  id: z.uuid(),
  who: z.string().min(1),
  role: z.enum(['admin', 'viewer']),
  /** Milliseconds since 1970. */
  until: z.number(),
})

/** Somebody who is signed in, until that moment. */
export type Session = { id: string; who: string; role: Role; until: Date }
/** An `admin` may look and act, a `viewer` may look. */
type Role = z.infer<typeof Content>['role']
export type Sessions = ReturnType<typeof createSessions>

/**
 * Sessions that nothing is stored of: a signed cookie holds who it is and until when. The keys are derived from the
 * token that it was begun with, so that another token ends every such session. They last twelve hours, and are not
 * renewed.
 */
export function createSessions({
  tokens,
  isSecure,
  now,
}: {
  tokens: { admin: string; viewer?: string | undefined }
  /** Whether people reach us over https. */
  isSecure: boolean
  now: () => Date
}) {
  const keys = (['admin', 'viewer'] as const).flatMap((role) => {
    const token = tokens[role]
    if (token === undefined) return []
    const cookie = deriveKey(token, 'dashboard session').toString('base64')
    return [{ role, token, cookie, form: deriveKey(token, 'dashboard form') }]
  })
  const keyOf = (role: Role) => keys.find((key) => key.role === role)
  const prefix = isSecure ? ('host' as const) : undefined

  /** Whose token it is; all are compared, so that how long it takes tells nothing. */
  const roleOf = (given: string): Role | undefined =>
    keys.filter(({ token }) => isSame(given, token))[0]?.role

  /** Always a session of its own: an id that a stranger planted is worth nothing. */
  async function begin(c: Context, role: Role, name: string): Promise<Session> {
    const until = new Date(now().getTime() + LIFETIME_SECONDS * 1_000)
    const session: Session = { id: randomUUID(), who: tidyName(name), role, until }
    const content = JSON.stringify({ ...session, until: until.getTime() })
    const value = Buffer.from(content).toString('base64url')
    await setSignedCookie(c, NAME, value, keyOf(role)?.cookie ?? '', {
      path: '/',
      httpOnly: true,
      secure: isSecure,
      sameSite: 'Lax',
      maxAge: LIFETIME_SECONDS,
      ...(prefix && { prefix }),
    })
    return session
  }

  async function find(c: Context): Promise<Session | undefined> {
    for (const { role, cookie } of keys) {
      const value = await getSignedCookie(c, cookie, NAME, prefix)
      const { data } = Content.safeParse(value ? readJson(value) : undefined)
      // What one token signed is not what the other lets in.
      if (data?.role === role && data.until > now().getTime())
        return { ...data, until: new Date(data.until) }
    }
    return undefined
  }

  const end = (c: Context) =>
    void deleteCookie(c, NAME, { path: '/', secure: isSecure, ...(prefix && { prefix }) })

  /** What every form of a session carries, and nobody else can know. */
  const formToken = ({ id, role }: Session) =>
    createHmac('sha256', keyOf(role)?.form ?? '')
      .update(id)
      .digest('base64url')

  const isFormOf = (session: Session, given: string) => isSame(given, formToken(session))

  return { roleOf, begin, find, end, formToken, isFormOf }
}

const deriveKey = (token: string, purpose: string) =>
  Buffer.from(hkdfSync('sha256', token, '', purpose, KEY_BYTES))

const digest = (text: string) => createHash('sha256').update(text).digest()
const isSame = (given: string, expected: string) => timingSafeEqual(digest(given), digest(expected))

/** It is shown, logged and stored: one short line. */
const tidyName = (name: string) =>
  name
    .replaceAll(/[\p{C}\s]+/gu, ' ')
    .trim()
    .slice(0, MAX_NAME_LENGTH) || NAMELESS

function readJson(value: string): unknown {
  try {
    return JSON.parse(Buffer.from(value, 'base64url').toString('utf8'))
  } catch {
    return undefined
  }
}
