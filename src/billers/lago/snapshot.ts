import { z } from 'zod'

import type { Invoice } from './decide/invoice.ts'

/** What of an invoice deciding goes by, as the row keeps it. */
const Snapshot = z.object({
  type: z.string(),
  status: z.string(),
  paymentStatus: z.string(),
  isSelfBilled: z.boolean(),
  issuedOn: z.string().nullable(),
  nativeProvider: z.string().nullable(),
  currency: z.string(),
  total: z.number(),
  paid: z.number(),
  due: z.number(),
  customer: z.object({ email: z.string().nullable(), country: z.string().nullable() }),
  metadata: z.array(z.object({ key: z.string(), value: z.string() })),
  isDisputeLost: z.boolean(),
})

/** Only whether there is an address decides anything. */
const NOT_KEPT = 'not kept'

const isOurs = (key: string) => key.startsWith('dodo_')

/** The invoice to be kept: without its customer's address, and without what others wrote into its metadata. */
export const takeSnapshot = (invoice: Invoice): z.infer<typeof Snapshot> => ({
  ...invoice,
  customer: {
    email: invoice.customer.email === null ? null : NOT_KEPT,
    country: invoice.customer.country,
  },
  metadata: invoice.metadata.map(({ key, value }) => ({ key, value: isOurs(key) ? value : '' })),
})

/** The invoice as it was when it last came to rest; undefined where none is kept, or a later release kept another shape. */
export const readSnapshot = (stored: unknown): Invoice | undefined =>
  Snapshot.safeParse(stored).data
