import { randomBytes } from 'node:crypto'
import type {
  Code,
  Contact,
  Integration,
  Location,
  Order,
  Price,
  Subscription,
  Token,
  Transaction,
} from './records.ts'

export type HighlevelStore = ReturnType<typeof createHighlevelStore>

/** What was told by an event of a provider. */
type ToldEvent = { at: Date; applied: boolean; body: Record<string, unknown> }

/** An agency platform in which nothing has happened yet. */
export function createHighlevelStore() {
  return {
    locations: new Map<string, Location>(),
    contacts: new Map<string, Contact>(),
    codes: new Map<string, Code>(),
    tokens: new Map<string, Token>(),
    integrations: new Map<string, Integration>(),
    orders: new Map<string, Order>(),
    transactions: new Map<string, Transaction>(),
    prices: new Map<string, Price>(),
    subscriptions: new Map<string, Subscription>(),
    events: [] as ToldEvent[],
  }
}

/** 24 hex digits, as MongoDB makes them. */
export const newObjectId = () => randomBytes(12).toString('hex')
export const newToken = () => `eyJ${randomBytes(24).toString('base64url')}`
