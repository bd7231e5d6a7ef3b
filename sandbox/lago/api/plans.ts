import { Hono } from 'hono'
import { answer } from './answer.ts'
import { paginate, readQuery } from './query.ts'
import { timestamp, type LagoWorld } from '../store/store.ts'

/** `/plans`: what is sold, as far as anybody but the merchant cares. */
export function lagoPlans({ now }: LagoWorld, currencies: readonly string[]) {
  const plans = currencies.map((currency, index) => ({
    lago_id: crypto.randomUUID(),
    name: `Plan ${index + 1}`,
    code: `plan_${index + 1}`,
    interval: 'monthly',
    amount_cents: 10_000,
    amount_currency: currency,
    pay_in_advance: false,
    created_at: timestamp(now()),
  }))
  return new Hono().get('/', (c) => {
    const { rows, meta } = paginate(readQuery(c.req.url), plans)
    return answer({ plans: rows, meta })
  })
}
