/** @jsxImportSource hono/jsx */
import { Hono } from 'hono'
import { z } from 'zod'
import type { Caller } from '../../kit/caller.ts'
import type { Courier } from '../../kit/courier.ts'
import type { Faults } from '../../kit/faults.ts'
import { Act, Entries, Input, Page, Select } from '../../kit/page.tsx'
import { blankless, done, flag, readInput, Switches, switchRoutes } from '../../kit/switches.tsx'
import type { HighlevelActs } from '../store/acts.ts'
import type { Transaction } from '../store/records.ts'
import type { Behaviour, HighlevelWorld } from '../store/world.ts'

type Operated = {
  world: HighlevelWorld
  acts: HighlevelActs
  faults: Faults
  courier: Courier
  caller: Caller
}

const AT = '/sandbox'
const MAX_ROWS = 100
const INTERVALS = ['day', 'week', 'month', 'year'] as const

const NewSale = z.object({
  location: z.string().min(1),
  amount: z.coerce.number().min(0.01),
  currency: z.string().length(3).default('USD'),
  live: flag.default(false),
  contact: blankless(z.string()),
  interval: blankless(z.enum(INTERVALS)),
})
const BehaviourPatch = z.strictObject({
  readsPendingTransactions: flag.optional(),
  verifyUnit: z.enum(['hundredths', 'major']).optional(),
  connectsTooSoon: z.literal(['400', '422']).transform(Number).optional(),
  wantsTextMessages: flag.optional(),
  sendsTextMessages: flag.optional(),
  sendsRecurringData: flag.optional(),
  typesAreTexts: flag.optional(),
  appliesEvents: flag.optional(),
  eventsNeedToken: flag.optional(),
  webhookSignature: z.enum(['ed25519', 'none', 'forged']).optional(),
  refundNamesCharge: flag.optional(),
})

/** What agencies, sub-accounts and buyers do, for whoever plays them. It needs no key. */
export function operatorPages({ world, acts, faults, courier, caller }: Operated) {
  return new Hono()
    .get('/', (c) => {
      return c.html(<Office world={world} faults={faults} courier={courier} caller={caller} />)
    })
    .post('/locations', async (c) => {
      const { id } = await readInput(c, z.object({ id: z.string().min(1) }))
      return done(c, acts.createLocation(id))
    })
    .post('/locations/:id/uninstall', (c) => {
      acts.uninstall(c.req.param('id'))
      return done(c, {})
    })
    .post('/sales', async (c) => {
      const { location, live, contact, interval, ...money } = await readInput(c, NewSale)
      const sale = acts.createSale({
        locationId: location,
        liveMode: live,
        ...money,
        ...(contact !== undefined && { contactId: contact }),
        ...(interval !== undefined && { recurring: { interval, intervalCount: 1 } }),
      })
      return done(c, sale)
    })
    .post('/transactions/:id/refund', async (c) => {
      const { amount } = await readInput(c, z.object({ amount: z.coerce.number().min(0.01) }))
      return done(c, await acts.refund(c.req.param('id'), amount))
    })
    .post('/subscriptions/:id/cancel', async (c) => {
      return done(c, await acts.cancelSubscription(c.req.param('id')))
    })
    .post('/behaviour', async (c) => {
      const given = Object.entries(await readInput(c, BehaviourPatch))
      const patch = Object.fromEntries(given.filter(([, value]) => value !== undefined))
      return done(c, Object.assign(world.behaviour, patch))
    })
    .route('/', switchRoutes({ faults, courier, caller }))
}

function Office({ world, faults, courier, caller }: Omit<Operated, 'acts'>) {
  const { store } = world
  return (
    <Page title="HighLevel" width="wide">
      <Act to={`${AT}/locations`} label="New location">
        <Input label="id" name="id" value="loc_demo_1" isRequired />
      </Act>
      {[...store.locations.values()].map(({ id, isInstalled }) => (
        <Act to={`${AT}/locations/${id}/uninstall`} label="Uninstall">
          {id}: {isInstalled ? 'installed' : 'not installed'}
        </Act>
      ))}
      <h2>New sale</h2>
      <Act to={`${AT}/sales`} label="Create">
        <Select label="location" name="location">
          {[...store.locations.keys()].map((id) => (
            <option>{id}</option>
          ))}
        </Select>
        <Input label="amount" name="amount" value="25.99" digits="decimal" />
        <Input label="currency" name="currency" value="USD" isShort />
        <Select label="live" name="live">
          <option>false</option>
          <option>true</option>
        </Select>
        <Select label="every" name="interval">
          <option value="">once</option>
          {INTERVALS.map((interval) => (
            <option>{interval}</option>
          ))}
        </Select>
      </Act>
      <h2>Transactions</h2>
      {[...store.transactions.values()].slice(-MAX_ROWS).map((one) => (
        <Row transaction={one} />
      ))}
      <h2>Events</h2>
      {store.events.slice(-MAX_ROWS).map(({ at, applied, body }) => (
        <Entries
          of={{ [at.toISOString()]: `${String(body['event'])}${applied ? '' : ', not applied'}` }}
        />
      ))}
      <Habits behaviour={world.behaviour} />
      <Switches faults={faults} courier={courier} caller={caller} at={AT} />
    </Page>
  )
}

function Row({ transaction: { _id, amount, currency, status } }: { transaction: Transaction }) {
  return (
    <Act to={`${AT}/transactions/${_id}/refund`} label="Refund">
      <a href={`/checkout/${_id}`}>{_id}</a> {amount} {currency} {status}
      <Input label="amount" name="amount" value={amount} digits="decimal" />
    </Act>
  )
}

const TRUTHS = ['false', 'true'] as const
const CHOICES = {
  readsPendingTransactions: TRUTHS,
  verifyUnit: ['hundredths', 'major'],
  connectsTooSoon: ['400', '422'],
  wantsTextMessages: TRUTHS,
  sendsTextMessages: TRUTHS,
  sendsRecurringData: TRUTHS,
  typesAreTexts: TRUTHS,
  appliesEvents: TRUTHS,
  eventsNeedToken: TRUTHS,
  webhookSignature: ['ed25519', 'none', 'forged'],
  refundNamesCharge: TRUTHS,
} as const satisfies Record<keyof Behaviour, readonly string[]>

function Habits({ behaviour }: { behaviour: Behaviour }) {
  return (
    <>
      <h2>What nobody knows for certain</h2>
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
