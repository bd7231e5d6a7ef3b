import { randomBytes } from 'node:crypto'
import type {
  ApiKey,
  Capture,
  Cart,
  Invoice,
  Order,
  Payment,
  PaymentProvider,
  Product,
  Region,
} from './records.ts'

export type OpenfrontStore = ReturnType<typeof createOpenfrontStore>

/** A shop in which nothing has happened yet. */
export function createOpenfrontStore() {
  return {
    regions: new Map<string, Region>(),
    products: new Map<string, Product>(),
    carts: new Map<string, Cart>(),
    invoices: new Map<string, Invoice>(),
    orders: new Map<string, Order>(),
    payments: new Map<string, Payment>(),
    captures: [] as Capture[],
    providers: new Map<string, PaymentProvider>(),
    apiKeys: new Map<string, ApiKey>(),
  }
}

const ID_BYTES = 16

/** An id like the shop's own: `cm` and letters and digits. */
export const newId = () =>
  `cm${randomBytes(ID_BYTES).toString('base64url').toLowerCase().replaceAll(/[-_]/g, '0')}`
