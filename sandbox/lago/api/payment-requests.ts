import { Hono } from 'hono'
import { answer, readRoot } from './answer.ts'
import {
  createPaymentRequest,
  getPaymentRequest,
  showPaymentRequest,
} from '../store/payment-requests.ts'
import { oneOf, paginate, readQuery, type Query } from './query.ts'
import type { LagoWorld } from '../store/store.ts'

/** `/payment_requests`; nothing here changes one, and nothing outside Lago ever settles it. */
export function lagoPaymentRequests(world: LagoWorld) {
  const shown = (request: ReturnType<typeof getPaymentRequest>) =>
    answer({ payment_request: showPaymentRequest(request, world) })

  return new Hono()
    .get('/', (c) => {
      const query = readQuery(c.req.url)
      return listPaymentRequests(world, query, query.one('external_customer_id'))
    })
    .post('/', async (c) => {
      return shown(createPaymentRequest(world, await readRoot(c, 'payment_request')))
    })
    .get('/:id', (c) => shown(getPaymentRequest(world, c.req.param('id'))))
}

/** The requests that the filters let through, newest first. */
export function listPaymentRequests(
  world: LagoWorld,
  query: Query,
  externalCustomerId: string | undefined,
): Response {
  const known = ['pending', 'succeeded', 'failed']
  const statuses = oneOf(query.many('payment_status'), known, 'payment_status')
  const currency = query.one('currency')
  const requests = world.store.paymentRequests
    .filter(({ customer }) => [undefined, customer.external_id].includes(externalCustomerId))
    .filter((request) => statuses.length === 0 || statuses.includes(request.payment_status))
    .filter((request) => currency === undefined || request.amount_currency === currency)
    .toReversed()
  const { rows, meta } = paginate(query, requests)
  return answer({ payment_requests: rows.map((row) => showPaymentRequest(row, world)), meta })
}
