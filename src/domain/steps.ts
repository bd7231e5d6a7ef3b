import type { Standing } from './collectable.ts'
import type {
  Attempt,
  CreditNote,
  Disposition,
  Mandate,
  MetadataEntry,
  Payment,
  Recording,
  Refund,
  RefundOrder,
} from './ledger.ts'

/** Why and where in the schedule an attempt begins; `resume` is one that a crash or a lost answer cut off. */
export type Beginning = {
  resume: Attempt | undefined
  cause: Attempt['cause']
  retryIndex: number
}

/** One thing still to do. Each is idempotent, and each is decided anew after the one before it is done. */
export type Step =
  | { do: 'read_payment'; dodoPaymentId: string }
  | { do: 'read_session'; attempt: Attempt; dodoSessionId: string }
  | { do: 'end_attempt'; attempt: Attempt; end: End }
  | { do: 'record_payment'; payment: Payment; amount: number }
  /** Also looks whether Lago holds it all the same. */
  | { do: 'hold_payment'; payment: Payment; disposition: Disposition; why: string }
  /** What is held, or too much, may have been recorded by somebody, or be proven to be too much. */
  | { do: 'look_for_payment'; payment: Payment; recording: Recording }
  | { do: 'lose_dispute'; dodoDisputeId: string }
  | {
      do: 'order_refund'
      payment: Payment
      resume: RefundOrder | undefined
      /** Dodo's minor units. */
      amount: number
      cause: string
      creditNote: CreditNote | undefined
    }
  /** It waited for Dodo, did nothing, and is decided anew. */
  | { do: 'drop_order'; order: RefundOrder }
  | {
      do: 'answer_credit_note'
      creditNote: CreditNote
      outcome: 'succeeded' | 'failed'
      reason: string | null
      refunds: readonly { payment: Payment; dodoRefundId: string; amount: number }[]
    }
  | {
      do: 'credit_refund'
      payment: Payment
      refund: Refund
      /** What of it is for this invoice and not credited yet, in Dodo's minor units. */
      amount: number
      /** Which of the refund's notes on the invoice it is. */
      sequence: number
    }
  | { do: 'tell_credit'; dodoRefundId: string; dodoPaymentId: string; sequence: number }
  /** A note that is there already is this refund's. */
  | { do: 'take_credit_note'; uncredited: Uncredited; lagoCreditNoteId: string }
  /** A person may have mended what we could not. */
  | { do: 'look_at_credit_notes'; uncredited: readonly Uncredited[] }
  | { do: 'reverse_credit'; dodoRefundId: string }
  | { do: 'mark_paid' }
  | { do: 'mark_failed' }
  | ({ do: 'open_checkout'; kind: 'checkout' | 'mandate' } & Beginning)
  | ({
      do: 'charge_mandate'
      mandate: Mandate | undefined
      /** Whether the money is still wanted; if not, only what was begun is looked for. */
      isWanted: boolean
    } & Beginning)
  | { do: 'write_metadata'; entries: readonly MetadataEntry[] }
  | { do: 'rest'; standing: Standing; isPayable: boolean; wakeAt: Date | undefined }

/** A refund, or what of it is for the invoice, that no credit note stands for. */
export type Uncredited = {
  payment: Payment
  refund: Refund
  sequence: number
  /** Dodo's minor units. */
  amount: number
}

/** How an attempt is over, when, and why in words. */
export type End = {
  status: 'paid' | 'declined' | 'expired' | 'superseded'
  at: Date
  why: string
  declineCode?: string | null
  /** Only if no customer has been sent to it meanwhile. */
  isUnseen?: boolean
}
