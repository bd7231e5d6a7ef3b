/** @jsxImportSource hono/jsx */
import { Hono } from 'hono'
import { z } from 'zod'
import type { Caller } from '../../kit/caller.ts'
import type { Faults } from '../../kit/faults.ts'
import { Act, Entries, Input, Page, Select } from '../../kit/page.tsx'
import { done, flag, readInput, Switches, switchRoutes } from '../../kit/switches.tsx'
import type { OpenfrontActs } from '../store/acts.ts'
import { rawTotal } from '../store/carts.ts'
import { functionsAt } from '../store/providers.ts'
import type { Behaviour, OpenfrontWorld } from '../store/world.ts'

type Operated = { world: OpenfrontWorld; acts: OpenfrontActs; faults: Faults; caller: Caller }

const AT = '/sandbox'
const MAX_ROWS = 100

const BehaviourPatch = z.strictObject({
  patch: z.enum(['none', 'full', 'careless']).optional(),
  speech: z.enum(['code', 'guide']).optional(),
  runtime: z.enum(['node', 'bun']).optional(),
  dropsStaleSessions: flag.optional(),
  deniedReads: z.enum(['null', 'error']).optional(),
  closesTab: flag.optional(),
})
const NewProduct = z.object({ title: z.string().min(1), price: z.coerce.number().int().min(1) })
const NewRegion = z.object({
  name: z.string().min(1),
  currency: z.string().length(3),
  taxRate: z.coerce.number().min(0).max(1).default(0),
})
const NewProvider = z.object({
  url: z.url(),
  code: z.string(),
  apiKey: z.string(),
  environment: z.string().default('sandbox'),
})

/** What the shop's owner does, and what may be spoilt. It needs no key. */
export function operatorPages({ world, acts, faults, caller }: Operated) {
  return new Hono()
    .get('/', (c) => c.html(<Office world={world} faults={faults} caller={caller} />))
    .post('/regions', async (c) => {
      const { name, currency, taxRate } = await readInput(c, NewRegion)
      return done(c, acts.createRegion(name, currency, taxRate))
    })
    .post('/products', async (c) => {
      const { title, price } = await readInput(c, NewProduct)
      return done(c, acts.createProduct(title, price))
    })
    .post('/providers', async (c) => {
      const { url, code, apiKey, environment } = await readInput(c, NewProvider)
      const credentials = { apiKey, environment }
      const fields = { name: 'Dodo Payments', code, isInstalled: true, credentials }
      return done(c, acts.createProvider({ ...fields, ...functionsAt(url) }))
    })
    .post('/keys', async (c) => {
      const { scopes } = await readInput(c, z.object({ scopes: z.string() }))
      return done(c, { token: acts.createApiKey(scopes.split(/[\s,]+/)) })
    })
    .post('/behaviour', async (c) => {
      const given = Object.entries(await readInput(c, BehaviourPatch))
      const patch = Object.fromEntries(given.filter(([, value]) => value !== undefined))
      return done(c, Object.assign(world.behaviour, patch))
    })
    .route('/', switchRoutes({ faults, caller }))
}

function Office({ world, faults, caller }: Omit<Operated, 'acts'>) {
  const { store } = world
  return (
    <Page title="Openfront's office" width="wide">
      <NewThings />
      <h2>Providers</h2>
      {[...store.providers.values()].map(({ id, code }) => (
        <Entries of={{ [code]: id }} />
      ))}
      <h2>API keys</h2>
      {[...store.apiKeys.values()].map(({ token, scopes }) => (
        <Entries of={{ [scopes.join(' ')]: token }} />
      ))}
      <h2>Carts</h2>
      {[...store.carts.values()].slice(-MAX_ROWS).map((cart) => (
        <p>
          <a href={`/checkout/${cart.id}`}>{cart.id}</a> {rawTotal(store, cart)}
          {cart.orderId && ` is order ${store.orders.get(cart.orderId)?.displayId}`}
        </p>
      ))}
      <h2>Payments</h2>
      {[...store.payments.values()].slice(-MAX_ROWS).map((payment) => (
        <Entries of={{ [payment.id]: `${payment.status} ${payment.amount} ${payment.currency}` }} />
      ))}
      <Habits behaviour={world.behaviour} />
      <Switches faults={faults} caller={caller} at={AT} />
    </Page>
  )
}

function NewThings() {
  return (
    <>
      <Act to={`${AT}/regions`} label="New region">
        <Input label="name" name="name" value="US" isShort isRequired />
        <Input label="currency" name="currency" value="usd" isShort isRequired />
        <Input label="tax rate" name="taxRate" value={0} digits="decimal" />
      </Act>
      <Act to={`${AT}/products`} label="New product">
        <Input label="title" name="title" value="E-book" isRequired />
        <Input label="price in cents" name="price" value={2599} digits="numeric" />
      </Act>
      <Act to={`${AT}/providers`} label="New payment provider">
        <Input label="where it is" name="url" isRequired />
        <Input label="code" name="code" value="pp_dodo" isShort />
        <Input label="apiKey" name="apiKey" isRequired />
        <Input label="environment" name="environment" value="sandbox" isShort />
      </Act>
      <Act to={`${AT}/keys`} label="New API key">
        <Input label="scopes" name="scopes" value="read_orders" />
      </Act>
    </>
  )
}

const CHOICES = {
  patch: ['none', 'full', 'careless'],
  speech: ['code', 'guide'],
  runtime: ['node', 'bun'],
  deniedReads: ['null', 'error'],
  dropsStaleSessions: ['false', 'true'],
  closesTab: ['false', 'true'],
} as const satisfies Record<keyof Behaviour, readonly string[]>

function Habits({ behaviour }: { behaviour: Behaviour }) {
  return (
    <>
      <h2>How the shop behaves</h2>
      {(Object.keys(CHOICES) as (keyof Behaviour)[]).map((name) => (
        <Act to={`${AT}/behaviour`} label="Change">
          <Select label={name} name={name}>
            {CHOICES[name].map((choice) => (
              <option selected={String(behaviour[name]) === choice}>{choice}</option>
            ))}
          </Select>
        </Act>
      ))}
    </>
  )
}
