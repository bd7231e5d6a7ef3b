import { formatDodo } from '../../collect/money.ts'
import type { ComparedOrder, Comparing, SourceDifference } from '../orders/source.ts'
import { COMPLETE, type Completing } from './complete.ts'
import { INVOICE } from './take-up-carts.ts'

/** A shop answers ten a second. */
const AT_ONCE = 4
/** A cart that is to be completed has become an order by then. */
const RECENT_MS = 3_600_000

type Asking = Pick<Completing, 'findShop' | 'now'>

/** Whether the carts of a store have become orders as they were paid: its orders without money, and money without an order. */
export async function compareCarts(
  { findShop, now }: Asking,
  { tenant, orders }: Comparing,
): Promise<SourceDifference[]> {
  const shop = findShop(tenant)
  if (!shop) return []
  const carts = [...Map.groupBy(orders.filter(isCart), ({ key }) => key)]
  const found: SourceDifference[] = []
  for (let start = 0; start < carts.length; start += AT_ONCE) {
    const batch = carts.slice(start, start + AT_ONCE).map(async ([key, ofCart]) => {
      const placed = await shop.findOrderOfCart(key)
      return placed === undefined ? [] : compareCart(ofCart, placed, now())
    })
    found.push(...(await Promise.all(batch)).flat())
  }
  return found
}

/** An invoice of a business account is no cart. */
const isCart = ({ metadata }: ComparedOrder) => metadata[INVOICE] === undefined

function compareCart(
  ofCart: readonly ComparedOrder[],
  placed: { id: string } | null,
  now: Date,
): SourceDifference[] {
  const paid = ofCart.find(isStillHere)
  const unplaced = placed === null ? [] : ofCart.flatMap((one) => describeUnplaced(one, placed))
  if (unplaced.length > 0) return unplaced
  const order = paid ?? ofCart.find(({ supersededAt }) => supersededAt === null) ?? ofCart[0]
  if (!order || (placed === null) === (paid === undefined)) return []
  const { orderId, key, currency } = order
  const about = { orderId, key, dodoPaymentId: paid?.paid?.dodoPaymentId ?? null }
  if (placed) {
    if (ofCart.some((one) => one.paid !== null)) return []
    const why =
      'the shop has an order of the cart, and no money came for it here: paid by other means, or not at all; only a person can tell'
    return [
      {
        ...about,
        sides: `nothing in Dodo, order ${placed.id} in the shop`,
        why,
        isExplained: true,
      },
    ]
  }
  if (!paid?.paid) return []
  const failed = paid.told.find(({ what, status }) => what === COMPLETE && status === 'failed')
  const isRecent = now.getTime() - paid.paid.madeAt.getTime() < RECENT_MS
  return [
    {
      ...about,
      sides: `${formatDodo(paid.paid.amount, currency)} in Dodo, no order in the shop`,
      why: failed
        ? `money without an order: ${failed.error ?? 'the cart could not be completed'}; only a person can mend it`
        : 'the cart is no order yet',
      isExplained: failed !== undefined || isRecent,
    },
  ]
}

/** Money that went back is no order's, whoever sent it back. */
const isStillHere = ({ paid, refunded, isTakenBack }: ComparedOrder) =>
  paid !== null && refunded < paid.amount && !isTakenBack

/** Money that came for a cart which had become an order with other money. */
function describeUnplaced(one: ComparedOrder, placed: { id: string }): SourceDifference[] {
  const { orderId, key, currency, paid, told } = one
  const failed = told.find(({ what, status }) => what === COMPLETE && status === 'failed')
  if (!paid || !isStillHere(one) || failed?.code !== 'cart_changed') return []
  return [
    {
      orderId,
      key,
      dodoPaymentId: paid.dodoPaymentId,
      sides: `${formatDodo(paid.amount, currency)} in Dodo, order ${placed.id} in the shop made without it`,
      why: `money without an order: ${failed.error ?? 'the cart had one before'}; only a person can mend it`,
      isExplained: true,
    },
  ]
}
