import type { Executor } from '../db/client.ts'
import type { Attempt, Payment, Recording, Share } from './ledger.ts'

export type State = 'open' | 'processing' | 'paid' | 'failed' | 'void' | 'skipped' | 'attention'

/** Where a receivable stands, and why: in words a merchant understands, and for `attention` in one that stays the same. */
export type Standing = { state: State; reason: string; code?: ReasonCode }

/** Every reason for which a person must act. Each has its heading in docs/operations.md. */
export const REASON_CODES = [
  'no_email',
  'no_country',
  'below_minimum',
  'currency_unknown',
  'adaptive_currency_on',
  'price_tax_exclusive',
  'price_changed',
  'dodo_key_refused',
  'country_not_served',
  'currency_not_enabled',
  'product_minimum',
  'dodo_not_live',
  'dodo_refused',
  'held_duplicate',
  'held_overpaid',
  'held_late',
  'held_mismatch',
  'void_after_paid',
  'refund_refused',
  'refund_failed',
  'credit_impossible',
  'credit_reversed',
  'credit_note_unrefunded',
  'dispute_open',
  'dispute_lost',
  'lago_refused',
  'lago_license',
  'lago_key_refused',
  'invoice_unknown',
  'untold',
  'cart_changed',
  'cart_not_found',
  'cart_refused',
  'cart_refunded',
  'cart_unresolved',
  'subscription_unpaid',
  'subscription_held',
  'account_gone',
  'needs_install',
  'gave_up',
  'too_many_steps',
] as const
export type ReasonCode = (typeof REASON_CODES)[number]

export const isReasonCode = (code: string | undefined): code is ReasonCode =>
  REASON_CODES.some((one) => one === code)

/** The kinds of receivables that ask for others, which are their members. */
export const ASKING_KINDS = ['payment_request', 'selection'] as const

/** Whom Dodo knows as a customer. */
export type Payer = {
  /** The biller's own key. */
  key: string
  name: string
  email: string | null
  country: string | null
  postcode: string | null
  /** The currency that a card is saved for when nothing is owed. */
  currency: string | null
  /** The biller knows them by an id of its own: whatever else is not known of them, they are a customer at Dodo. */
  isKept?: boolean
}

/**
 * Whether somebody can be charged without being there: Dodo saves a card for who has an e-mail address, in a
 * country. Of anybody else the hosted page asks what is missing, each time.
 */
export const isIdentified = ({
  email,
  country,
  isKept = false,
}: Pick<Payer, 'email' | 'country' | 'isKept'>): boolean =>
  isKept || (Boolean(email) && Boolean(country))

/** An amount that somebody owes, as far as deciding about its money depends on it. Amounts are the books' minor units. */
export type Receivable = {
  currency: string
  due: number
  /** What the books count as paid, which may be older than what was recorded there through us. */
  paid: number
  payer: Pick<Payer, 'email' | 'country' | 'isKept'>
  /** Said by its biller: why no money may be asked for; undefined when it is to be collected. */
  whyNotCollected: Standing | undefined
  /** The same, but for what being asked for together with others may mend: an amount too small by itself. */
  whyNotAsked: Standing | undefined
  /** Why it is asked for the first time. */
  cause: Attempt['cause']
  /** For one that asks for others: what for whom. Undefined for one that asks for itself. */
  members: readonly Share[] | undefined
  /** How much of the spare money of a payment its biller proves to be too much, in Dodo's minor units. */
  proveSpare: (payment: Payment, recording: Recording) => number
  /** Whether its biller is about to look for the payment in its books: until then nothing of it is given back. */
  isToBeLookedFor?: (payment: Payment, recording: Recording) => boolean
}

/** What is owed, as Dodo is asked for it. */
export type Owed = {
  receivableId: string
  payer: Payer
  currency: string
  /** The books' minor units: exactly what is due. */
  due: number
  /** For whom it is, the oldest first; itself, where it asks for nobody else. */
  shares: readonly Share[]
  /** What the customer reads: "Invoice ACM-014-003". */
  description: string
  /** What asks for several together, as the timelines of those that make way call it. */
  askedBy?: string | undefined
  /** What the timeline adds where it says that its attempt of that number opened. */
  describeAttempt: (number: number) => string
  /** What says at Dodo what is paid for. */
  metadata: Record<string, string>
  /** The key of the request that creates its attempt of that number. */
  keyOf: (number: number) => string
  /**
   * Whether the books, asked now, still say that exactly this is due: time passes between reading them and charging a
   * card, and what is paid by other means meanwhile must not be charged as well. With `isDoubted` they have shown
   * something newer than what this was made of.
   */
  isStillDue: (options?: { isDoubted?: boolean }) => Promise<boolean>
  /** Asked within the transaction that begins a charge, and so that what it says cannot change before that one ends. */
  mayBegin?: (tx: Executor) => Promise<boolean>
  /** Where the payer goes after paying, where that is not our own page. */
  returnUrl?: string | undefined
}

/** What the core must know of whoever keeps the books. */
export type Biller = {
  /** What merchants call it. */
  name: string
  /** The receivable that something at Dodo says it is for; null for none of this biller's. */
  named: (metadata: Record<string, string>) => string | null
  /** Whether it says to be for several, of which only one is named. */
  isOfSeveral: (metadata: Record<string, string>) => boolean
  /** The payer that a customer of Dodo's says to be. */
  payerNamed: (metadata: Record<string, string>) => string | undefined
  /** Whether it is marked as another tenant's on the same account: nothing of it is ours to touch (I11). */
  isForeign: (metadata: Record<string, string>) => Promise<boolean>
  /** What marks as ours all that we make at Dodo. */
  mark: () => Promise<Record<string, string>>
  /** What says at Dodo who a payer is. */
  describePayer: (payerKey: string) => Record<string, string>
  /** Whether the books hold that payment, for that receivable. */
  holds: (receivableId: string, dodoPaymentId: string) => Promise<boolean>
  /** What says at Dodo which document of the books a refund carries out. */
  describeCreditNote: (creditNoteId: string) => Record<string, string>
  /** Who a payer is now; undefined when the books do not have them any more. */
  findPayer: (payerKey: string) => Promise<Payer | undefined>
}
