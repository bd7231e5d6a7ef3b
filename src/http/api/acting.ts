import { createHash } from 'node:crypto'

import type { Context } from 'hono'

import type { Deps } from '../../deps.ts'
import { audited, BEGUN, findAction, type Outcome } from '../../operate/audit.ts'
import type { Visit } from '../admin.ts'
import { Refusal } from '../refusal.ts'

const MAX_KEY_LENGTH = 255

/**
 * Does what a program asked for, as a form of the dashboard does: written down first, and with an `Idempotency-Key`
 * once, however often it is sent. The answer to a repeated key is what became of the first.
 */
export async function act(
  deps: Pick<Deps, 'db' | 'log' | 'now'>,
  c: Context<Visit>,
  { action, subject }: { action: string; subject: string },
  run: () => Promise<Outcome>,
): Promise<Response> {
  const formId = formIdOf(c.req.header('idempotency-key'), `${action} ${subject}`)
  await audited(deps, { formId, who: 'api', role: 'admin', action, subject }, run)
  const outcome = (await findAction(deps, formId))?.outcome ?? BEGUN
  const [is = '', said = ''] = outcome.split(/: (.*)/s)
  if (is === 'refused') return c.json({ error: said }, 409)
  if (is === 'failed') {
    const again = 'look what is so, and send it with another Idempotency-Key'
    return c.json({ error: `it was begun and did not come to its end (${said}): ${again}` }, 409)
  }
  return c.json(
    { outcome: is === 'done' ? 'done' : 'begun', said: said || 'it is being done' },
    202,
  )
}

/** The same key for the same thing is one request; without a key each is one of its own. */
function formIdOf(key: string | undefined, what: string): string {
  if (key === undefined) return crypto.randomUUID()
  if (key === '' || key.length > MAX_KEY_LENGTH)
    throw new Refusal(400, `Idempotency-Key: write 1 to ${MAX_KEY_LENGTH} characters`)
  const hash = createHash('sha256')
    .update(JSON.stringify([what, key]))
    .digest('hex')
  // A UUID of version 8, which is for whatever one likes.
  const variant = ((Number.parseInt(hash[16] ?? '0', 16) & 3) | 8).toString(16)
  const groups = [hash.slice(0, 8), hash.slice(8, 12), `8${hash.slice(13, 16)}`]
  return [...groups, `${variant}${hash.slice(17, 20)}`, hash.slice(20, 32)].join('-')
}
