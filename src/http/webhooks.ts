import { Hono, type Context } from 'hono'

import { DEFAULT_ACCOUNT, keyIn } from '../account-key.ts'
import type { Account, Accounts } from '../accounts.ts'
import type { Deps } from '../deps.ts'
import { createDodoVerifier } from '../dodo/signature.ts'
import { InvalidSignature } from '../errors.ts'
import { BIG_BODY_BYTES } from '../db/readable-body.ts'
import type { Unread } from '../inbox/big.ts'
import { createHighlevelVerifier, readHighlevelSignature } from '../highlevel/signature.ts'
import { readDeliveryId, readEvent, readHighlevelEvent } from '../inbox/envelope.ts'
import { hearAgain } from '../inbox/hear-again.ts'
import type { Receive } from '../inbox/receive.ts'
import { createBodyRoom, type BodyRoom } from './body-room.ts'
import { createLagoVerifier } from './lago-verifier.ts'
import { withBody, type Body } from './read-body.ts'
import { refuseMethod } from './refuse-method.ts'

/** A usage-heavy invoice embeds one fee for each charge and group, and reaches megabytes. */
export const MAX_BODY_BYTES = 32 * 1024 * 1024
/** HighLevel tells of installations, in a few hundred bytes. */
const MAX_HIGHLEVEL_BYTES = 1024 * 1024

type WebhookDeps = Pick<Deps, 'config' | 'db' | 'lago' | 'now' | 'queue'> & {
  receive: Receive
  organizationId: () => Promise<string>
}
type Check = {
  update: (piece: Uint8Array) => void
  /** Returns which key has signed, in words. */
  finish: (body: Body) => Promise<string> | string
}
type Identify = () => Omit<Unread, 'verifiedWith'>

/**
 * Verify, store, acknowledge: the headers before a byte of the body, and the body while it comes. Nothing is
 * decided here: a sender waits seconds, while what we do about the event may take days. Resolves when the delivery
 * is durable.
 */
export function createTake(deps: WebhookDeps) {
  const lago = createLagoVerifier(deps)
  const dodo = createDodoVerifier(deps.config.dodo.webhookSecrets, deps.now)
  const limits = { room: createBodyRoom(), maxBytes: MAX_BODY_BYTES }
  const { highlevel } = deps.config

  const take = (request: Request, { update, finish }: Check, identify: Identify) =>
    withBody(request, limits, update, async (body) => {
      const verifiedWith = await finish(body)
      return store({ ...identify(), verifiedWith }, body)
    })

  function store(told: Unread, body: Body) {
    if (body.bytes > BIG_BODY_BYTES) return deps.receive.big(told, body.giveAway())
    const bytes = body.read()
    const { organizationId: _ours, ...event } = readEvent(told, bytes)
    return deps.receive({ ...told, ...event, body: bytes })
  }

  return {
    lago: async (request: Request) => {
      const { headers } = request
      const id = headers.get('x-lago-unique-key')
      if (id === null)
        throw new InvalidSignature('X-Lago-Unique-Key is missing', { about: 'missing' })
      const signature = headers.get('x-lago-signature') ?? undefined
      return take(request, lago.begin(signature), () => ({
        source: 'lago',
        deliveryId: readDeliveryId(id),
        headers: keepHeader(headers, 'x-lago-signature-algorithm'),
      }))
    },
    dodo: (request: Request) => takeDodo(request, { id: DEFAULT_ACCOUNT, verify: dodo }),
    /** What another account sends: only its own secret verifies it, and its ids are its own. */
    dodoAccount: takeDodo,
    /** Only what tells of our app wakes anything; the signature says no more than that HighLevel has sent it. */
    ...(highlevel && { highlevel: createTakeHighlevel(deps, highlevel, limits.room) }),
  }

  async function takeDodo(request: Request, { id, verify }: Pick<Account, 'id' | 'verify'>) {
    const { headers } = request
    const told = pick(headers, ['webhook-id', 'webhook-timestamp', 'webhook-signature'])
    return take(request, verify.begin(told), () => ({
      source: 'dodo',
      deliveryId: keyIn(id, readDeliveryId(told['webhook-id'])),
      headers: keepHeader(headers, 'webhook-timestamp'),
    }))
  }
}

function createTakeHighlevel(
  deps: Pick<WebhookDeps, 'db' | 'now' | 'queue' | 'receive'>,
  { webhookPublicKey, appId }: NonNullable<Deps['config']['highlevel']>,
  room: BodyRoom,
) {
  const verify = createHighlevelVerifier(webhookPublicKey)
  return async (request: Request) => {
    const signature = request.headers.get('x-ghl-signature') ?? undefined
    readHighlevelSignature(signature)
    const limits = { room, maxBytes: MAX_HIGHLEVEL_BYTES }
    return withBody(
      request,
      limits,
      () => undefined,
      async ({ read }) => {
        const body = read()
        verify(body, signature)
        const { isNamed, ...event } = readHighlevelEvent(body, appId)
        const told = { source: 'highlevel' as const, ...event, headers: {}, body }
        const { duplicate } = await deps.receive({
          ...told,
          verifiedWith: 'HighLevel’s public key',
        })
        if (duplicate && !isNamed) await hearAgain(deps, told)
        return { duplicate }
      },
    )
  }
}

export type Take = ReturnType<typeof createTake>

type Serving = { accounts: Pick<Accounts, 'of'>; isLagoOn: boolean }

/** The routes, under whatever path they are found; `failure` is what the door has met. */
export function webhooks(take: Take, { accounts, isLagoOn }: Serving) {
  const app = new Hono<{ Bindings: { failure?: Error } }>()
    .post('/lago', async (c) => (isLagoOn ? answer(c, take.lago) : c.notFound()))
    .post('/dodo', async (c) => answer(c, take.dodo))
    .post('/dodo/:account', async (c) => {
      const id = c.req.param('account')
      const account = id === DEFAULT_ACCOUNT ? undefined : await accounts.of(id)
      return account ? answer(c, (request) => take.dodoAccount(request, account)) : c.notFound()
    })
  const { highlevel } = take
  if (!highlevel) return app
  return app
    .post('/highlevel', async (c) => answer(c, highlevel))
    .all('/highlevel', (c) => refuseMethod(c, 'POST'))
}

async function answer(
  c: Context<{ Bindings: { failure?: Error } }>,
  take: (request: Request) => Promise<{ duplicate: boolean }>,
) {
  const failure = c.env?.failure
  if (failure !== undefined) throw failure
  const { duplicate } = await take(c.req.raw)
  return c.json({ received: true, duplicate })
}

function pick(headers: Headers, names: readonly string[]): Record<string, string> {
  const pairs = names.map((name) => [name, headers.get(name) ?? ''] as const)
  return Object.fromEntries(pairs.filter(([, value]) => value !== ''))
}

const keepHeader = (headers: Headers, name: string) => ({
  [name]: (headers.get(name) ?? '').slice(0, 200),
})
