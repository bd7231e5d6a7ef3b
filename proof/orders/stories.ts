import type { SandboxDodo } from '../../sandbox/dodo/dodo.ts'
import type { SandboxHighlevel } from '../../sandbox/highlevel/highlevel.ts'
import type { SandboxOpenfront } from '../../sandbox/openfront/openfront.ts'

export const LOCATION = 'loc_demo_1'
export const CODE = 'pp_dodo'
export const PRICE = 2_599
/** How long a story is told on; what was begun and not answered is given its two minutes. */
const PATIENCE_MS = 300_000
const GIVEN_BACK = 700

/** Where stories are told: a shop, an agency, a Dodo, and a bridge behind one address. */
export type Place = {
  dodo: SandboxDodo
  shop: SandboxOpenfront
  agency: SandboxHighlevel
  productId: string
  /** The bridge's own address, and how it is reached. */
  url: string
  fetch: (url: string, init?: RequestInit) => Promise<Response>
  /** Until what did not work is tried again. */
  wait: () => Promise<void>
  /** A week passes for what is owed by a subscription. */
  passWeek: (subscriptionId: string) => Promise<void>
  now: () => Date
}

/** What a source was told of one order: what it was paid, and what went back because it asked for it. */
export type Told = { key: string; paid: number; givenBack: number }
export type Story = (place: Place) => Promise<Told>

/** What somebody does until it works: their answers are lost whenever the bridge dies. */
async function until<Found>(
  { wait }: Place,
  what: string,
  act: () => Promise<Found | undefined>,
): Promise<NonNullable<Found>> {
  const deadline = performance.now() + PATIENCE_MS
  for (let last: unknown; ; await wait()) {
    try {
      const found = await act()
      if (found !== undefined && found !== null) return found
    } catch (error) {
      last = error
    }
    if (performance.now() > deadline) throw new Error(`not in time: ${what} (${String(last)})`)
  }
}

/** Pays on the page that the link leads to, once. */
async function payAt(place: Place, link: string) {
  const sessionId = await until(place, 'a page to pay on', async () => {
    const { headers } = await place.fetch(link, { redirect: 'manual' })
    return headers.get('location')?.split('/').at(-1)
  })
  return place.dodo.pay(sessionId)
}

async function chooseInShop(place: Place) {
  const { shop, productId } = place
  const cart = shop.createCart({ lines: [{ productId, quantity: 1 }] })
  const session = await until(place, 'a session', () => shop.choosePayment(cart.id, CODE))
  const { checkoutUrl, paymentId } = session.data as { checkoutUrl: string; paymentId: string }
  return { cart, checkoutUrl, paymentId }
}

/** A shopper pays, the shop asks, and gives a part back; whether the bridge makes the order first is open. */
const bought: Story = async (place) => {
  const { shop } = place
  const { cart, checkoutUrl, paymentId } = await chooseInShop(place)
  await payAt(place, checkoutUrl)
  await until(place, 'captured', async () => {
    const answer = (await shop.readStatus(CODE, paymentId)) as { status: string }
    return answer.status === 'captured' || undefined
  })
  await until(place, 'a capture', () => shop.capture(CODE, paymentId, PRICE))
  await until(place, 'a refund', () => shop.refund(CODE, paymentId, GIVEN_BACK))
  return { key: cart.id, paid: PRICE, givenBack: GIVEN_BACK }
}

/** A shopper pays and closes the tab: the bridge makes the order, or a person is asked to. */
const left: Story = async (place) => {
  const { cart, checkoutUrl } = await chooseInShop(place)
  await payAt(place, checkoutUrl)
  return { key: cart.id, paid: PRICE, givenBack: 0 }
}

async function sell(place: Place, more: { contactId?: string; recurring?: 'week' | 'month' } = {}) {
  const { agency } = place
  const contactId =
    more.contactId ??
    agency.createContact({
      locationId: LOCATION,
      name: 'Ada Demo',
      email: `ada-${crypto.randomUUID()}@example.test`,
    }).id
  const sale = agency.createSale({
    locationId: LOCATION,
    amount: PRICE / 100,
    contactId,
    ...(more.recurring && { recurring: { interval: more.recurring, intervalCount: 1 } }),
  })
  return { ...sale, contactId, transactionId: sale.transaction._id }
}

async function openPage(place: Place, props: unknown) {
  return until(place, 'a page', async () => {
    const response = await place.fetch(`${place.url}/highlevel/session`, {
      method: 'POST',
      body: JSON.stringify(props),
    })
    return response.ok ? ((await response.json()) as { checkoutUrl: string }) : undefined
  })
}

/** A buyer pays on the page, HighLevel asks, and gives a part back. */
const paidOnPage: Story = async (place) => {
  const { agency } = place
  const { transactionId } = await sell(place)
  const { checkoutUrl } = await openPage(place, agency.paymentProps(transactionId))
  const { payment_id: chargeId } = await payAt(place, checkoutUrl)
  await until(place, 'verified', async () =>
    (await agency.verify(transactionId, chargeId)) === 'succeeded' ? true : undefined,
  )
  await refundInAgency(place, transactionId)
  return { key: transactionId, paid: PRICE, givenBack: GIVEN_BACK }
}

const refundInAgency = (place: Place, transactionId: string) =>
  until(place, 'a refund', async () =>
    (await place.agency.refund(transactionId, GIVEN_BACK / 100)).success ? true : undefined,
  )

/** Nobody asks, and HighLevel is told. */
const paidUnasked: Story = async (place) => {
  const { agency } = place
  const { transactionId } = await sell(place)
  const { checkoutUrl } = await openPage(place, agency.paymentProps(transactionId))
  await payAt(place, checkoutUrl)
  await until(place, 'an event', async () =>
    agency.store.events.some(({ body }) => body['ghlTransactionId'] === transactionId)
      ? true
      : undefined,
  )
  return { key: transactionId, paid: PRICE, givenBack: 0 }
}

async function saveCard(place: Place, contactId: string) {
  const { agency, dodo } = place
  const props = agency.setupProps({ contactId, currency: 'USD', liveMode: false })
  const { checkoutUrl } = await openPage(place, props)
  dodo.saveCard(checkoutUrl.split('/').at(-1) ?? '')
  const contact = { locationId: LOCATION, contactId, liveMode: false }
  return until(place, 'a saved card', async () => (await agency.listPaymentMethods(contact))[0]?.id)
}

/** A card is saved, and charged for another transaction without the buyer; a part of it goes back. */
const charged: Story = async (place) => {
  const { agency } = place
  const { contactId, transactionId } = await sell(place)
  const methodId = await saveCard(place, contactId)
  await until(place, 'charged', async () =>
    (await agency.chargePayment(transactionId, methodId)).success ? true : undefined,
  )
  await refundInAgency(place, transactionId)
  return { key: transactionId, paid: PRICE, givenBack: GIVEN_BACK }
}

/** A subscription begins on a saved card. */
async function subscribe(place: Place, recurring: 'week' | 'month') {
  const { agency } = place
  const { contactId, transactionId, subscription } = await sell(place, { recurring })
  const paymentMethodId = await saveCard(place, contactId)
  const startDate = place.now().toISOString().slice(0, 10)
  await until(place, 'subscribed', async () =>
    (await agency.createSubscription(transactionId, { paymentMethodId, startDate })).success
      ? true
      : undefined,
  )
  return { transactionId, subscriptionId: subscription?._id ?? '' }
}

const cancel = (place: Place, subscriptionId: string) =>
  until(place, 'cancelled', () => place.agency.cancelSubscription(subscriptionId))

/** One that is cancelled before anything more of it is due. */
const subscribed: Story = async (place) => {
  const { transactionId, subscriptionId } = await subscribe(place, 'month')
  await cancel(place, subscriptionId)
  return { key: transactionId, paid: PRICE, givenBack: 0 }
}

/** One that is charged for two weeks more, of which HighLevel is told. */
const renewed: Story = async (place) => {
  const { subscriptionId } = await subscribe(place, 'week')
  for (const cycles of [1, 2]) {
    await until(place, 'a week', async () => (await place.passWeek(subscriptionId), true))
    await until(place, 'a cycle', async () =>
      countCycles(place, subscriptionId) === cycles ? true : undefined,
    )
  }
  await cancel(place, subscriptionId)
  return { key: subscriptionId, paid: 3 * PRICE, givenBack: 0 }
}

/** Told twice, a charge is one. */
function countCycles({ agency }: Place, subscriptionId: string): number {
  const told = agency.store.events
    .map(({ body }) => body)
    .filter((body) => body['ghlSubscriptionId'] === subscriptionId)
    .filter(({ event }) => event === 'subscription.charged')
  return new Set(told.map((body) => body['chargeId'])).size
}

export const STORIES = {
  bought,
  left,
  paidOnPage,
  paidUnasked,
  charged,
  subscribed,
  renewed,
} as const
