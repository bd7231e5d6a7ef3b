import type { Executor } from '../../db/client.ts'
import type { Payment } from '../../collect/ledger.ts'
import type { Standing } from '../../collect/receivable.ts'
import type { tellings } from '../../db/schema.ts'
import type { Trouble, Words } from './decide/order.ts'
import type { OrderRow } from './order.ts'

export type TellingRow = typeof tellings.$inferSelect

/** What became of telling somebody. */
export type Told =
  /** `line` is what its history says of it. */
  | { is: 'done'; line?: string }
  /** It did not work, or may not be told yet; `at` where it is known when to try again. */
  | { is: 'again'; why: string; at?: Date }
  /** A person must look, and until then it will not: `code` is the reason in a word. A sweep may have it tried again. */
  | { is: 'failed'; why: string; code?: string | null }
  /** Nobody is to be told any more. */
  | { is: 'dropped'; why: string }

/** An order as its source's own books are compared with it. */
export type ComparedOrder = Pick<
  OrderRow,
  'orderId' | 'key' | 'amount' | 'currency' | 'metadata' | 'createdAt' | 'supersededAt'
> & {
  /** The payment that pays it. */
  paid: { dodoPaymentId: string; amount: number; madeAt: Date } | null
  /** What of that went back. */
  refunded: number
  /** A dispute took it back. */
  isTakenBack: boolean
  /** What the source is, or was, told. */
  told: readonly TellingRow[]
}

/** Where the source's own books do not say what the ledger says. */
export type SourceDifference = {
  orderId: string | null
  key: string
  dodoPaymentId: string | null
  sides: string
  why: string
  isExplained: boolean
}

/** Whose orders are compared, and of which days. */
export type Comparing = {
  tenant: string
  mode: OrderRow['mode']
  from: Date
  until: Date
  orders: readonly ComparedOrder[]
}

/**
 * All that differs between the systems whose receivables are orders. An adapter implements it in a folder of its own
 * and is named in one line (`billers/sources.ts`); everything else about an order's money is the same for all.
 */
export type OrderSource = {
  /** As in `orders.source`, in metadata at Dodo and in the keys of requests. */
  name: OrderRow['source']
  /** What people call it. */
  title: string
  words: Words
  /** How an order is named at Dodo, besides what names every order. */
  describe: (order: OrderRow) => {
    /** What the payer reads. */
    description: string
    metadata: Record<string, string>
    /** Where the payer goes after paying; without one, to our own page. */
    returnUrl?: string | undefined
  }
  /** Why money that comes for it is late, in words; undefined while its tenant takes money. */
  whyLate?: (db: Executor, order: OrderRow) => Promise<string | undefined>
  /**
   * Called before a checkout is opened or a card is charged, by a source whose books say what is owed (P3). False
   * after it has superseded or closed the order, which is then decided anew. Throws when the books do not answer:
   * nothing is asked for until they do.
   */
  confirm?: (order: OrderRow) => Promise<boolean>
  /**
   * Within the transaction that begins a charge, with the order's row held: whether it may be, as this ledger knows it. False
   * has it decided anew.
   */
  mayBegin?: (tx: Executor, order: OrderRow) => Promise<boolean>
  /** When a softly declined charge is made again; without it, never. In ms from the decline. */
  retryScheduleMs?: (order: OrderRow) => readonly number[]
  /** What of it that only the source knows a person must look at. */
  findTrouble?: (db: Executor, order: OrderRow) => Promise<Trouble | undefined>
  /** Within the transaction that notes the payment which pays it: the place to plan who is to be told. */
  onPaid?: (tx: Executor, order: OrderRow, payment: Payment, at: Date) => Promise<void>
  /** Within the transaction in which it comes to rest in another state than before, or for another reason. */
  onState?: (tx: Executor, order: OrderRow, standing: Standing, at: Date) => Promise<void>
  /** Tells what a telling says, after the try was written down. What throws is tried again. */
  tell?: (order: OrderRow, telling: TellingRow) => Promise<Told>
  /** The same for what is about no order: its `orderId` is then the source's own. */
  tellOther?: (telling: TellingRow) => Promise<Told> | undefined
  /** Compares its own books with the orders of one tenant and mode; without it, it keeps none that can be read. */
  compare?: (comparing: Comparing) => Promise<SourceDifference[]>
  /** What says at Dodo who one of its payers is, and whom a customer of Dodo's says to be. */
  describePayer?: (payerKey: string) => Record<string, string>
  payerNamed?: (metadata: Record<string, string>, account: string) => string | undefined
}

/** Those that are switched on. */
export type Sources = readonly OrderSource[]

/** Whose order it is; undefined while that source is switched off. */
export const findSource = (sources: Sources, { source }: OrderRow): OrderSource | undefined =>
  sources.find(({ name }) => name === source)
