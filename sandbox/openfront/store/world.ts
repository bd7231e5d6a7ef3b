import type { PaymentProvider, ProviderFunction } from './records.ts'
import type { OpenfrontStore } from './store.ts'

/** What a shop's owner has changed in it, and what its release and its shoppers do. */
export type Behaviour = {
  /**
   * `none`: as it is published, which completes no order of a provider that it does not know. `full`: with the
   * comparison of status, amount and currency, and no second order. `careless`: whatever is `captured` will do.
   */
  patch: 'none' | 'full' | 'careless'
  /** Whether the calls have the shapes of the running code or of the guide. */
  speech: 'code' | 'guide'
  /** What an empty answer of a provider becomes: an error on Node, `null` under Bun. */
  runtime: 'node' | 'bun'
  /** Whether a removed line and a discount code drop the payment collection too, as they do not. */
  dropsStaleSessions: boolean
  /** Whether a read that is not allowed is empty or an error; the facts do not tell. */
  deniedReads: 'null' | 'error'
  /** The shopper pays and closes the tab: nobody comes back from the gateway. */
  closesTab: boolean
}

/** A shop as it is published, with shoppers who come back. */
export const AS_PUBLISHED: Behaviour = {
  patch: 'none',
  speech: 'code',
  runtime: 'node',
  dropsStaleSessions: false,
  deniedReads: 'null',
  closesTab: false,
}

/** Calls a function of a provider over HTTP. Throws what the shop throws. */
export type CallProvider = (
  provider: PaymentProvider,
  name: ProviderFunction,
  args: Record<string, unknown>,
) => Promise<unknown>

/** Everything that the parts of the sandbox shop share. */
export type OpenfrontWorld = {
  store: OpenfrontStore
  now: () => Date
  publicUrl: string
  behaviour: Behaviour
  callProvider: CallProvider
}

/** Who asks: a key's scopes, and the user who is logged in, if any. */
export type Asker = { scopes: readonly string[]; userId: string | null }
