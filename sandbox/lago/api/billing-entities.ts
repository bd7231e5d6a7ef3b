import { Hono } from 'hono'

import { answer } from './answer.ts'
import { notFound } from '../store/refusal.ts'
import type { LagoWorld } from '../store/store.ts'

/** `/billing_entities`; the sandbox has one. */
export function lagoBillingEntities({ store }: LagoWorld) {
  return new Hono().get('/:code', (c) => {
    if (c.req.param('code') !== store.billingEntity.code) throw notFound('billing_entity')
    return answer({ billing_entity: store.billingEntity })
  })
}
