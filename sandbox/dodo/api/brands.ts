import { Hono } from 'hono'
import { BUSINESS_ID } from '../store/store.ts'

/** `/brands`: the account has one, the primary, whose id is the business's. */
export function brands() {
  return new Hono().get('/', (c) =>
    c.json({
      items: [
        {
          brand_id: BUSINESS_ID,
          business_id: BUSINESS_ID,
          enabled: true,
          name: 'Sandbox',
          statement_descriptor: 'SANDBOX',
          verification_enabled: true,
          verification_status: 'Success',
        },
      ],
    }),
  )
}
