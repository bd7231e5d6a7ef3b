/** Every kind of work that is owed on a key, and how many of it one process works at once. */
export const JOBS = {
  /** An invoice: both of its ledgers are brought into agreement. */
  settle: { atOnce: 8 },
  /** A payment, for refunds and disputes, which do not say whose they are. */
  trace: { atOnce: 2 },
  /** An on-demand subscription of Dodo: a saved card. */
  mandate: { atOnce: 1 },
  /** A customer of Lago. */
  customer: { atOnce: 1 },
  /** A payment request of Lago. */
  bundle: { atOnce: 1 },
  /** A wallet transaction whose invoice Lago shows to nobody. */
  topup: { atOnce: 1 },
  /** A customer who stands at the link to save a card. */
  setup: { atOnce: 1 },
  /** A subscription of HighLevel: a cycle that is due, or its end. */
  subscription: { atOnce: 2 },
  /** A location of HighLevel, or an agency: whether it has the app, and its provider record. */
  installation: { atOnce: 2 },
  /** What somebody is to be told of an order. */
  tell: { atOnce: 2 },
  /** Whoever is to be told what is wrong. */
  notify: { atOnce: 1 },
  /** A mail to a customer. */
  mail: { atOnce: 2 },
  /** Both services, for what webhooks missed. */
  sweep: { atOnce: 1 },
} as const

export type JobKind = keyof typeof JOBS
export const JOB_KINDS = Object.keys(JOBS) as JobKind[]
export const isJobKind = (text: string): text is JobKind => Object.hasOwn(JOBS, text)

/** The kinds that a delivery may owe. */
export const DELIVERY_KINDS = [
  'settle',
  'trace',
  'mandate',
  'customer',
  'bundle',
  'topup',
  'installation',
] as const
export type DeliveryKind = (typeof DELIVERY_KINDS)[number]
