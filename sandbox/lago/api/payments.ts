import { Hono } from 'hono'
import { answer, readRoot } from './answer.ts'
import { getPayment, recordPayment, visiblePayments } from '../store/payments.ts'
import { paginate, readQuery, type Query } from './query.ts'
import { showPayment } from '../store/shapes.ts'
import type { LagoWorld } from '../store/store.ts'

/** `/payments`: recorded once, never changed. */
export function lagoPayments(world: LagoWorld) {
  return new Hono()
    .get('/', (c) => {
      const query = readQuery(c.req.url)
      return listPayments(world, query, query.one('external_customer_id'))
    })
    .get('/:id', (c) => answer({ payment: showPayment(getPayment(world, c.req.param('id'))) }))
    .post('/', async (c) => {
      return answer({ payment: showPayment(recordPayment(world, await readRoot(c, 'payment'))) })
    })
}

/** The payments that the filters let through, newest first. */
export function listPayments(
  world: LagoWorld,
  query: Query,
  externalCustomerId: string | undefined,
): Response {
  const invoiceId = query.one('invoice_id')
  const payments = visiblePayments(world)
    .filter(({ invoice }) => invoiceId === undefined || invoice.lago_id === invoiceId)
    .filter(({ invoice }) => [undefined, invoice.customer.external_id].includes(externalCustomerId))
  const { rows, meta } = paginate(query, payments)
  return answer({ payments: rows.map(showPayment), meta })
}
