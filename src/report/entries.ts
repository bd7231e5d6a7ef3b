import type { BooksSide, Entry, Knowledge, Money } from './compare-ledgers.ts'

/** What of a payment or a refund is for one receivable, as our ledger has it, or as far as anybody says. */
export type About = {
  receivableId: string | null
  name: string | null
  /** Dodo's minor units; null for all of it. */
  amount: number | null
  /** Why it was made, or why not all of it is in the books, in a word. */
  cause?: string | undefined
  knowledge: Knowledge
}

/** One record of the books, and what it is on. */
export type Held = Money & { id: string; on: readonly string[]; isByStatus?: boolean }

type Made = Pick<Entry, 'kind' | 'dodoPaymentId' | 'dodoRefundId' | 'madeAt' | 'dodo'> & {
  currency?: string
  roundingsOf?: (receivableId: string | null) => number
}

/**
 * An entry for each receivable that a payment or refund is about. What the books hold on several of them is shown once,
 * and what is on none with the first.
 */
export function asEntries(
  { dodo: whole, currency, roundingsOf = () => 0, ...made }: Made,
  about: readonly About[],
  held: readonly Held[],
): Entry[] {
  const ownerOf = ({ on }: Held) =>
    about.find(({ receivableId }) => on.includes(receivableId ?? ''))
  return about.map((part, index) => {
    const { receivableId, name, amount, cause, knowledge } = part
    const own = held.filter((one) => ownerOf(one) === part)
    const others = index === 0 ? held.filter((one) => ownerOf(one) === undefined) : []
    const books = asSide([...own, ...others])
    const dodo = whole && { amount: amount ?? whole.amount, currency: whole.currency }
    return {
      kind: made.kind,
      dodoPaymentId: made.dodoPaymentId,
      dodoRefundId: made.dodoRefundId,
      receivableId,
      name,
      madeAt: made.madeAt,
      currency: currency ?? dodo?.currency ?? books?.currency ?? '',
      dodo,
      books,
      causes: cause === undefined ? [] : [cause],
      roundings: roundingsOf(receivableId),
      knowledge,
    }
  })
}

/** What the books hold in several places, as one; null where they hold nothing. */
function asSide(held: readonly Held[]): BooksSide | null {
  const [first] = held
  if (!first) return null
  const places = Map.groupBy(held, ({ on }) => on.join())
  return {
    id: held.map(({ id }) => id).join(', '),
    amount: held.reduce((sum, { amount }) => sum + amount, 0),
    currency: first.currency,
    records: held.length,
    times: Math.max(...[...places.values()].map(({ length }) => length)),
    isByStatus: held.some(({ isByStatus }) => isByStatus),
  }
}
