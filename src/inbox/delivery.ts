import type { Source } from '../webhook-sources.ts'
import type { Wake } from './events.ts'

/** One verified POST, and what it is about as far as its body says. */
export type Delivery = {
  source: Source
  deliveryId: string
  eventType: string
  dodoPaymentId: string | null
  headers: Record<string, string>
  /** Which key its signature held with, in words. */
  verifiedWith: string
  body: Buffer
} & Wake
