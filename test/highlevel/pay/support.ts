import { ADMIN_TOKEN, openWorld, type World } from '../../support/world.ts'

export const LOCATION = 'loc_demo_1'
/** After this a question has Dodo looked at anew. */
export const FRESH_MS = 2_100
const PATIENCE_MS = 60_000

type Body = Record<string, unknown>
type OrderReport = {
  orderId: string
  state: string
  reason: string
  claimed: boolean
  amount: number
  payUrl: string
  payments: { dodoPaymentId: string; disposition: string }[]
  told: { what: string; status: string; attempts: number }[]
}

export type Paying = Awaited<ReturnType<typeof openPaying>>

/** A world with a sub-account that has the app, in test mode, and what its buyers and HighLevel's server do. */
export async function openPaying(options: Parameters<typeof openWorld>[0] = {}) {
  const world = await openWorld({
    highlevel: {},
    ...options,
    env: { HIGHLEVEL_TELL_AFTER: '1h', VOID_PAYMENTS: 'refund', ...options.env },
  })
  world.highlevel.createLocation(LOCATION)
  await install(world, LOCATION)
  return { world, ...buyers(world), ...servers(world) }
}

/** Somebody installs the app, and waits until it is connected. */
export async function install(world: World, locationId: string) {
  const code = world.highlevel.install(locationId)
  await world.get(`/highlevel/oauth/callback?code=${code}`)
  await eventually(async () => {
    const keys = world.highlevel.store.integrations.get(locationId)?.keys
    return keys?.test && !keys.live ? keys : undefined
  }, 'the location is connected')
}

/** Looks until it is there. */
export async function eventually<Found>(
  look: () => Promise<Found | undefined>,
  what: string,
): Promise<Found> {
  for (const deadline = performance.now() + PATIENCE_MS; ; await Bun.sleep(40)) {
    const found = await look()
    if (found !== undefined) return found
    if (performance.now() > deadline) throw new Error(`not in time: ${what}`)
  }
}

function buyers(world: World) {
  const { highlevel, dodo } = world

  function sell(amount = 25.99, more: Partial<Parameters<typeof highlevel.createSale>[0]> = {}) {
    const { id: contactId } = highlevel.createContact({
      locationId: LOCATION,
      name: 'Ada Demo',
      email: `ada-${crypto.randomUUID()}@example.test`,
    })
    const sale = highlevel.createSale({ locationId: LOCATION, amount, contactId, ...more })
    const { _id: transactionId } = sale.transaction
    return { ...sale, contactId, transactionId, props: highlevel.paymentProps(transactionId) }
  }

  async function post(path: string, body: unknown) {
    const response = await world.get(`/highlevel/${path}`, {
      method: 'POST',
      body: typeof body === 'string' ? body : JSON.stringify(body),
    })
    return { status: response.status, body: (await response.json()) as Body }
  }
  const session = (props: unknown) => post('session', props)
  const show = async (ref: unknown) => {
    const response = await world.get(`/highlevel/session/${String(ref)}`)
    return { status: response.status, body: (await response.json()) as Body }
  }

  /** A sale with its session, and the checkout that its link leads to. */
  async function begin(amount?: number, more?: Parameters<typeof sell>[1]) {
    const sale = sell(amount, more)
    const opened = await session(sale.props)
    const { status } = opened
    if (status !== 200) throw Object.assign(new Error(JSON.stringify(opened)), { status })
    const { ref, checkoutUrl } = opened.body as { ref: string; checkoutUrl: string }
    return { ...sale, ref, checkoutUrl, sessionId: await world.follow(checkoutUrl) }
  }

  /** The same, paid. */
  async function buy(amount?: number, more?: Parameters<typeof sell>[1]) {
    const begun = await begin(amount, more)
    const payment = dodo.pay(begun.sessionId)
    return { ...begun, payment, chargeId: payment.payment_id }
  }

  async function reportsOf(key: string): Promise<OrderReport[]> {
    const headers = { Authorization: `Bearer ${ADMIN_TOKEN}` }
    const response = await world.get(
      `/api/orders?source=highlevel&key=${encodeURIComponent(key)}`,
      {
        headers,
      },
    )
    return ((await response.json()) as { orders: OrderReport[] }).orders
  }

  /** A contact saves a card on a page of its own; what the page was told. */
  async function saveCard(contactId: string) {
    const props = world.highlevel.setupProps({ contactId, currency: 'USD', liveMode: false })
    const { body } = await session(props)
    world.dodo.saveCard(String(body['checkoutUrl']).split('/').at(-1) ?? '')
    await world.quiet()
    return body
  }

  return {
    sell,
    saveCard,
    post,
    session,
    show,
    begin,
    buy,
    reportsOf,
    /** Waits until an order of the transaction is as described. */
    eventuallyOrder: (key: string, check: (order: OrderReport) => boolean) =>
      eventually(async () => (await reportsOf(key)).find(check), `an order of ${key}`),
  }
}

function servers(world: World) {
  const { highlevel } = world
  const apiKey = (locationId = LOCATION) =>
    highlevel.store.integrations.get(locationId)?.keys.test?.apiKey ?? 'none'
  const query = async (type: string, fields: Body, key: unknown = apiKey()) => {
    const response = await world.get('/highlevel/query', {
      method: 'POST',
      body: JSON.stringify({ type, apiKey: key, ...fields }),
    })
    return { status: response.status, body: (await response.json()) as Body }
  }
  return {
    apiKey,
    query,
    verify: (transactionId: string, chargeId = '', more: Body = {}) =>
      query('verify', { transactionId, chargeId, subscriptionId: '', ...more }),
    refund: (transactionId: string, amount: unknown, more: Body = {}) =>
      query('refund', { transactionId, amount, ...more }),
    statusOf: (transactionId: string) => highlevel.store.transactions.get(transactionId)?.status,
    /** The events that HighLevel was sent about a transaction. */
    eventsOf: (transactionId: string) =>
      highlevel.store.events.filter(({ body }) => body['ghlTransactionId'] === transactionId),
  }
}
