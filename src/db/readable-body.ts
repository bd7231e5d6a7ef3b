import { sql } from 'drizzle-orm'

import { deliveries } from './schema.ts'

/** Beyond this, reading a body and handing it to Postgres would hold up everybody else. Most are a hundredth of it. */
export const BIG_BODY_BYTES = 256 * 1024

/**
 * The body of a delivery, or nothing of one so big that reading it would hold up everybody else: what that tells is
 * asked of the service, as it is of a delivery that was emptied.
 */
export const readableBody =
  sql<Buffer>`case when octet_length(${deliveries.body}) <= ${BIG_BODY_BYTES}
  then ${deliveries.body} else ''::bytea end`.mapWith(deliveries.body)
