import { z } from 'zod'

export const MAX_AMOUNT_MINOR = 2_147_483_647

// Numbers and booleans are in the SDK's type, but older parts of the API refuse them.
export const Metadata = z.record(z.string().regex(/^[A-Za-z0-9_-]{1,40}$/), z.string().max(500))
export const Amount = z.int().min(0).max(MAX_AMOUNT_MINOR)
export const Url = z.url({ protocol: /^https?$/ })
export const Interval = z.enum(['Day', 'Week', 'Month', 'Year'])
export const flag = z.boolean().optional()
export const BillingAddress = z.strictObject({
  country: z.string().regex(/^[A-Z]{2}$/),
  city: z.string().nullish(),
  state: z.string().nullish(),
  street: z.string().nullish(),
  zipcode: z.string().nullish(),
})
