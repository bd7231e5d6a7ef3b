import type { Payer, ReasonCode } from '../../../collect/receivable.ts'

/** What a source says in its own words. */
export type Words = {
  /** Why an order is not to be paid any more: "the cart asks for another amount now". */
  superseded: string
  /** "waits for the shopper". */
  waits: string
  /** Why a refund is made that was asked for: "the shop asked for it". */
  asked: string
  /** "the shop was told that it is paid". */
  claimed: string
  /** "the cart was paid anew". */
  replaced: string
}

/** Why a person must look. */
export type Trouble = { reason: string; code: ReasonCode }

/** An order, as far as deciding about it depends on it. */
export type Order = {
  currency: string
  /** The core's minor units. */
  due: number
  payer: Pick<Payer, 'email' | 'country' | 'isKept'>
  words: Words
  isClaimed: boolean
  isSuperseded: boolean
  /** Since when it is; null while it is not. */
  supersededAt: Date | null
  /** Another order of the same key, made later, was paid and claimed. */
  isReplaced: boolean
  /** Why nobody can pay it any more, in words; null while somebody can. */
  closed: string | null
  /** A saved card is charged, and nobody is sent to a page. */
  isCharged: boolean
  /** What somebody could not be told, and why. */
  untold: Trouble | null
  /** What else of it, that only its source knows, a person must look at. */
  trouble?: Trouble | null
}

/** A refund that the source asked for. Dodo's minor units. */
export type RefundRequest = { id: string; dodoPaymentId: string; amount: number }
