import type { Attempt, CreditNote, Mandate, Payment, RefundOrder } from '../ledger.ts'

/** Why and where in the schedule an attempt begins; `resume` is one that a crash or a lost answer cut off. */
export type Beginning = {
  resume: Attempt | undefined
  cause: Attempt['cause']
  retryIndex: number
}

/** One thing still to do with money. Each is idempotent, and each is decided anew after the one before it is done. */
export type MoneyStep =
  | { do: 'read_payment'; dodoPaymentId: string }
  | { do: 'read_session'; attempt: Attempt; dodoSessionId: string }
  | { do: 'end_attempt'; attempt: Attempt; end: End }
  | {
      do: 'order_refund'
      payment: Payment
      resume: RefundOrder | undefined
      /** Dodo's minor units. */
      amount: number
      cause: string
      /** The document of the books that it carries out; undefined when it gives back what nobody takes. */
      creditNote: Pick<CreditNote, 'creditNoteId' | 'number'> | undefined
    }
  /** It waited for Dodo, did nothing, and is decided anew. */
  | { do: 'drop_order'; order: RefundOrder }
  | ({
      do: 'open_checkout'
      kind: 'checkout' | 'mandate'
      /** What it takes the place of, in the same moment, so that nobody asks for a part of it in between. */
      replaces?: { attempt: Attempt; why: string }
    } & Beginning)
  | ({
      do: 'charge_mandate'
      mandate: Mandate | undefined
      /** Whether the money is still wanted; if not, only what was begun is looked for. */
      isWanted: boolean
    } & Beginning)

/** What is known when nothing is left to do. */
export type Repose = { isPayable: boolean; wakeAt: Date | undefined }

/** How an attempt is over, when, and why in words. */
export type End = {
  status: 'paid' | 'declined' | 'expired' | 'superseded'
  at: Date
  why: string
  declineCode?: string | null
  /** Only if no customer has been sent to it meanwhile. */
  isUnseen?: boolean
}
