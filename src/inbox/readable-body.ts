import { sql } from 'drizzle-orm'

import { deliveries } from '../db/schema.ts'
import { BIG_BODY_BYTES } from './big.ts'

/**
 * The body of a delivery, or nothing of one so big that reading it would hold up everybody else: what that tells is
 * asked of the service, as it is of a delivery that was emptied.
 */
export const readableBody =
  sql<Buffer>`case when octet_length(${deliveries.body}) <= ${BIG_BODY_BYTES}
  then ${deliveries.body} else ''::bytea end`.mapWith(deliveries.body)
