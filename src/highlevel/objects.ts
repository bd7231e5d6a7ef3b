import { z } from 'zod'

/** The types of the API are loose and its examples are texts: both are read (HighLevel OpenAPI `payments.json`). */
const amount = z.union([z.number(), z.string()])
const truth = z
  .union([z.boolean(), z.literal(['true', 'false'])])
  .transform((value) => value === true || value === 'true')
const textOrNull = z
  .string()
  .nullish()
  .transform((text) => text || null)
/** Typed as an object, shown as a text. */
const status = z.unknown().transform((value) => (typeof value === 'string' ? value : ''))

export const Transaction = z.looseObject({
  _id: z.string(),
  altId: z.string(),
  amount: amount.optional(),
  currency: z.string().optional(),
  status: status.optional(),
  liveMode: truth.optional(),
  entityId: textOrNull,
  contactId: textOrNull,
  chargeId: textOrNull,
  subscriptionId: textOrNull,
  amountRefunded: amount.nullish(),
})
export type Transaction = z.infer<typeof Transaction>

export const Order = z.looseObject({
  _id: z.string(),
  altId: z.string(),
  amount: amount.optional(),
  currency: z.string().optional(),
  status: status.optional(),
  liveMode: truth.optional(),
  contactId: textOrNull,
})
export type Order = z.infer<typeof Order>

/** Only interval, trial and cycles are believed: the unit of a price's amount is not certain. */
export const Price = z.looseObject({
  type: z.string().optional(),
  recurring: z
    .looseObject({
      interval: z.enum(['day', 'week', 'month', 'year']),
      intervalCount: z.coerce.number().int().min(1).default(1),
    })
    .nullish(),
  trialPeriod: z.coerce.number().int().min(0).nullish(),
  totalCycles: z.coerce.number().int().min(0).nullish(),
})

export const Subscription = z.looseObject({
  _id: z.string(),
  altId: z.string(),
  amount: amount.optional(),
  currency: z.string().optional(),
  status: status.optional(),
  liveMode: truth.optional(),
  contactId: textOrNull,
  canceledAt: textOrNull,
})

const Keys = z.looseObject({ apiKey: z.string().optional(), publishableKey: z.string().optional() })
/** The provider record of a location; a mode that is not connected is absent or empty. */
export const Integration = z.looseObject({
  name: z.string().optional(),
  paymentsUrl: z.string().optional(),
  queryUrl: z.string().optional(),
  imageUrl: z.string().optional(),
  supportsSubscriptionSchedule: z.boolean().optional(),
  paymentProvider: z.looseObject({ live: Keys.nullish(), test: Keys.nullish() }).nullish(),
})
export type Integration = z.infer<typeof Integration>

/** The schema of HighLevel requires nothing of it but `userId`. */
export const TokenAnswer = z.looseObject({
  access_token: z.string().min(1),
  expires_in: z.coerce.number().min(0).default(86_399),
  refresh_token: z.string().optional(),
  scope: z.string().optional(),
  userType: z.string().optional(),
  locationId: z.string().optional(),
  companyId: z.string().optional(),
  userId: z.string().optional(),
})
export type TokenAnswer = z.infer<typeof TokenAnswer>

export const InstalledLocations = z.looseObject({
  locations: z.array(z.looseObject({ _id: z.string(), isInstalled: z.boolean().optional() })),
  count: z.coerce.number().optional(),
})

const textIfAny = z
  .string()
  .optional()
  .catch(undefined)
  .transform((text) => text || undefined)
/**
 * An event of the marketplace. INSTALL and UNINSTALL name a location, or only its agency, and either id may be missing;
 * of other types nothing is known.
 */
export const MarketplaceEvent = z.looseObject({
  type: z.string().min(1),
  appId: textIfAny,
  locationId: textIfAny,
  companyId: textIfAny,
  webhookId: textIfAny,
  timestamp: textIfAny,
})
