import type { HighlevelStore } from './store.ts'

/** What nobody outside knows of HighLevel, each way round. */
export type Behaviour = {
  /** Whether a transaction can be read before it is paid; if not, only its order can. */
  readsPendingTransactions: boolean
  /** The unit in which `chargeSnapshot.amount` of a verify is expected; the sources disagree. */
  verifyUnit: 'hundredths' | 'major'
  /** What connecting keys before there is a provider is answered with. */
  connectsTooSoon: 400 | 422
  /** Whether the parent throws on a message that is no JSON string, as several have seen. */
  wantsTextMessages: boolean
  /** Whether the parent's own messages are texts; the sources show objects. */
  sendsTextMessages: boolean
  /** Whether create_subscription carries the recurring data of its price. */
  sendsRecurringData: boolean
  /** Whether the type of numbers and truths in the API is text, as in its examples. */
  typesAreTexts: boolean
  /** Whether an event is applied; a 2xx means received only. */
  appliesEvents: boolean
  /** Whether an event of a provider needs a bearer token too. */
  eventsNeedToken: boolean
  /** How marketplace webhooks are signed. */
  webhookSignature: 'ed25519' | 'none' | 'forged'
  /** Whether a refund carries chargeId and apiKey, as the older texts do not. */
  refundNamesCharge: boolean
}

/** HighLevel as its newest texts say. */
export const AS_DOCUMENTED: Behaviour = {
  readsPendingTransactions: true,
  verifyUnit: 'hundredths',
  connectsTooSoon: 400,
  wantsTextMessages: true,
  sendsTextMessages: false,
  sendsRecurringData: true,
  typesAreTexts: false,
  appliesEvents: true,
  eventsNeedToken: false,
  webhookSignature: 'ed25519',
  refundNamesCharge: true,
}

/** The marketplace app that a developer has made by hand. */
export type App = {
  id: string
  clientId: string
  clientSecret: string
  redirectUrl: string
  scopes: readonly string[]
  ssoSecret: string
}

/** Everything that the parts of the sandbox HighLevel share. */
export type HighlevelWorld = {
  store: HighlevelStore
  app: App
  now: () => Date
  publicUrl: string
  behaviour: Behaviour
  /** Sends a marketplace webhook to the app. */
  announce: (type: string, body: Record<string, unknown>) => void
  /** Calls the provider's `queryUrl`. Throws when there is no answer that could be read. */
  query: (url: string, body: Record<string, unknown>) => Promise<unknown>
}
