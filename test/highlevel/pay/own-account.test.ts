import { afterAll, beforeAll, expect, test } from 'bun:test'

import { createSandboxDodo, type SandboxDodo } from '../../../sandbox/dodo/dodo.ts'
import { encryptSso } from '../../../sandbox/highlevel/api/sso.ts'
import { wakeSubscriptions } from '../../../src/billers/highlevel/recurring/settle.ts'
import { eventually, LOCATION, openPaying, type Paying } from './support.ts'

const OWN_KEY = 'dodo_own_key'
const DAY_MS = 24 * 3_600_000
const MONTHLY = { interval: 'month', intervalCount: 1 } as const

let paying: Paying
/** The location's own Dodo account, at the address of the deployment's. */
let own: SandboxDodo
beforeAll(async () => {
  const toBridge = async (input: string | URL | Request, init?: RequestInit) => {
    const request = new Request(input as string, init)
    return paying.world.get(new URL(request.url).pathname, request)
  }
  own = createSandboxDodo({
    apiKey: OWN_KEY,
    webhookSecret: 'whsec_dGhpcmQtYWNjb3VudC1zZWNyZXQtMDAwMDAwMDAwMQ==',
    publicUrl: 'http://dodo.test',
    now: () => new Date(Date.now() + aheadMs),
    fetch: toBridge,
    webhookRetryDelaysMs: [200],
  })
  const byKey = (request: Request) =>
    request.headers.get('authorization') === `Bearer ${OWN_KEY}`
      ? own.fetch(request)
      : paying.world.dodo.fetch(request)
  paying = await openPaying({
    others: { 'dodo.test': { fetch: byKey } },
    unproven: 'two accounts answer at one address',
    env: { HIGHLEVEL_PAYMENTS: 'recurring' },
  })
})
afterAll(async () => {
  own.stop()
  await paying.world.close()
})

let aheadMs = 0
function pass(ms: number) {
  aheadMs += ms
  paying.world.advance(ms)
}
async function quiet() {
  await own.idle()
  await paying.world.quiet()
}

const contact = () =>
  paying.world.highlevel.createContact({
    locationId: LOCATION,
    name: 'Ada Demo',
    email: `ada-${crypto.randomUUID()}@example.test`,
  }).id

/** Saves a card on the account that is asked now, and returns what HighLevel may charge. */
async function saveCard(contactId: string, dodo: SandboxDodo) {
  const props = paying.world.highlevel.setupProps({ contactId, currency: 'USD', liveMode: false })
  const { body } = await paying.session(props)
  dodo.saveCard(String(body['checkoutUrl']).split('/').at(-1) ?? '')
  await quiet()
  return eventually(async () => (await methodsOf(contactId))[0]?.id, 'a saved card')
}
const methodsOf = async (contactId: string) =>
  (await paying.query('list_payment_methods', { contactId, locationId: LOCATION }))
    .body as unknown as { id: string }[]
const charge = async (contactId: string, paymentMethodId: string) => {
  const { transactionId } = paying.sell(25.99, { contactId })
  const asked = { contactId, paymentMethodId, transactionId, amount: 25.99, currency: 'USD' }
  return { transactionId, ...(await paying.query('charge_payment', asked)) }
}
async function subscribe(contactId: string, paymentMethodId: string) {
  const { highlevel } = paying.world
  const { transactionId, subscription } = paying.sell(25.99, { contactId, recurring: MONTHLY })
  const startDate = new Date(Date.now() + aheadMs).toISOString().slice(0, 10)
  const answer = await highlevel.createSubscription(transactionId, { paymentMethodId, startDate })
  expect(answer).toMatchObject({ success: true })
  return subscription?._id ?? ''
}
const moneyAt = ({ store }: SandboxDodo) =>
  [...store.payments.values()].filter(({ total_amount: of }) => of > 0).length

async function settings(method: string, path: string, body: unknown, token?: string) {
  const response = await paying.world.get(`/highlevel/settings/${path}`, {
    method,
    headers: { ...(token !== undefined && { Authorization: `Bearer ${token}` }) },
    body: JSON.stringify(body),
  })
  return { status: response.status, body: (await response.json()) as Record<string, unknown> }
}
async function signIn() {
  const payload = encryptSso('test-shared-secret-0001', {
    userId: 'usr_demo_1',
    companyId: 'cmp_demo_1',
    role: 'admin',
    type: 'agency',
    activeLocation: LOCATION,
    userName: 'Ada Demo',
    email: 'ada@example.test',
  })
  return String((await settings('POST', 'session', { payload })).body['token'])
}

test('saved cards, charges and subscriptions stay on the account that they were made on, whichever collects now', async () => {
  const { world } = paying
  const { dodo: shared } = world
  const early = contact()
  const earlyCard = await saveCard(early, shared)
  const before = await charge(early, earlyCard)
  const earlySubscription = await subscribe(early, earlyCard)
  expect([moneyAt(shared), moneyAt(own)]).toEqual([2, 0])

  const token = await signIn()
  const entered = await settings('PUT', 'accounts/test', { apiKey: OWN_KEY }, token)
  expect(entered).toMatchObject({ status: 200, body: { modes: { test: { account: 'own' } } } })

  // Nothing of the deployment's account can be charged for the location any more; what was paid there goes back there.
  expect(await methodsOf(early)).toEqual([])
  expect((await charge(early, earlyCard)).body).toMatchObject({ success: false, failed: true })
  expect((await paying.refund(before.transactionId, 10)).body).toMatchObject({ success: true })
  expect([shared.store.refunds.size, own.store.refunds.size]).toEqual([1, 0])
  expect([moneyAt(shared), moneyAt(own)]).toEqual([2, 0])

  // The same contact is somebody else on the other account.
  const card = await saveCard(early, own)
  const charged = await charge(early, card)
  expect(charged.body).toMatchObject({ success: true })
  const subscription = await subscribe(early, card)
  expect([moneyAt(shared), moneyAt(own)]).toEqual([2, 2])
  expect((await paying.refund(charged.transactionId, 5)).body).toMatchObject({ success: true })
  expect([shared.store.refunds.size, own.store.refunds.size]).toEqual([1, 1])
  const bought = await paying.begin(12)
  expect(own.store.sessions.has(bought.sessionId)).toBe(true)

  // Each subscription is charged where it began, and its mandate ended there.
  pass(32 * DAY_MS)
  await wakeSubscriptions(world.bridge.deps)
  await eventually(
    async () => (moneyAt(shared) === 3 && moneyAt(own) === 3 ? true : undefined),
    'a cycle of each',
  )
  expect((await settings('DELETE', 'accounts/test', {}, await signIn())).status).toBe(409)
  for (const id of [earlySubscription, subscription]) await world.highlevel.cancelSubscription(id)
  await quiet()
  const statusesAt = ({ store }: SandboxDodo) =>
    [...store.subscriptions.values()].map(({ status }) => status)
  expect([statusesAt(shared), statusesAt(own)]).toEqual([['active'], ['active']])
  expect((await settings('DELETE', 'accounts/test', {}, await signIn())).status).toBe(200)
  expect((await methodsOf(early)).map(({ id }) => id)).toEqual([earlyCard])
})
