import { Hono } from 'hono'
import { ZodError } from 'zod'
import { createCaller, type Caller } from '../kit/caller.ts'
import { createFaults, type Faults, keepDropped } from '../kit/faults.ts'
import { type Fetch, fetchInProcess } from '../kit/in-process.ts'
import { graphqlApi } from './api/graphql.ts'
import { createProviderCalls } from './api/provider-calls.ts'
import { operatorPages } from './pages/operator.tsx'
import { shopPages } from './pages/shop.tsx'
import { createOpenfrontActs, type OpenfrontActs } from './store/acts.ts'
import { OpenfrontRefusal } from './store/refusal.ts'
import { createOpenfrontStore, type OpenfrontStore } from './store/store.ts'
import { AS_PUBLISHED, type Behaviour, type OpenfrontWorld } from './store/world.ts'

/** Where the shop's GraphQL is. */
export const GRAPHQL_PATH = '/api/graphql'

export type SandboxOpenfrontOptions = {
  /** Base URL of its pages. */
  publicUrl: string
  now?: () => Date
  /** How it reaches its payment providers. */
  fetch?: Fetch
  behaviour?: Partial<Behaviour>
}

/** A shop to play with: its GraphQL, its pages, its owner, and its shoppers. */
export type SandboxOpenfront = OpenfrontActs & {
  app: Hono
  /** Reaches the sandbox without a socket. */
  fetch: typeof fetch
  store: OpenfrontStore
  faults: Faults
  /** The calls to providers, and what may spoil them. */
  caller: Caller
  behaviour: Behaviour
  stop: () => void
}

/** Opens an empty shop. */
export function createSandboxOpenfront(options: SandboxOpenfrontOptions): SandboxOpenfront {
  const { now = () => new Date() } = options
  const behaviour: Behaviour = { ...AS_PUBLISHED, ...options.behaviour }
  const caller = createCaller({ fetch: options.fetch ?? fetch, now })
  const world: OpenfrontWorld = {
    store: createOpenfrontStore(),
    now,
    publicUrl: options.publicUrl.replace(/\/$/, ''),
    behaviour,
    callProvider: createProviderCalls(caller, behaviour),
  }
  const faults = createFaults()
  const acts = createOpenfrontActs(world)
  const app = new Hono()
    .use('/api/*', faults.middleware)
    .get('/favicon.ico', (c) => c.body(null, 204))
    .route(GRAPHQL_PATH, graphqlApi(world))
    .route('/sandbox', operatorPages({ world, acts, faults, caller }))
    .route('/', shopPages({ world, acts }))
  app.notFound((c) => c.text('404 | This page could not be found.', 404))
  app.onError(
    keepDropped((error, c) => {
      if (error instanceof OpenfrontRefusal) return c.json({ error: error.message }, 409)
      const isWrong = error instanceof ZodError || error instanceof SyntaxError
      return c.json({ error: error.message }, isWrong ? 422 : 500)
    }),
  )
  return {
    ...acts,
    app,
    fetch: fetchInProcess(app),
    store: world.store,
    faults,
    caller,
    behaviour,
    stop() {},
  }
}
