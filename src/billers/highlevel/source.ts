import type { Executor } from '../../db/client.ts'
import { Later } from '../../errors.ts'
import type { OrderRow } from '../orders/order.ts'
import type { OrderSource } from '../orders/source.ts'
import { planTelling } from '../orders/tellings.ts'
import type { HighlevelDeps } from './deps.ts'
import { compareTransactions } from './compare.ts'
import { confirm } from './owed.ts'
import { describePayer, payerNamed } from './payers.ts'
import { readSubject } from './recurring/beginning.ts'
import {
  confirmBeginning,
  confirmCycle,
  mayBeginCharge,
  onSubscriptionPaid,
  onSubscriptionState,
  whyBegun,
} from './recurring/orders.ts'
import { readCycleKey } from './recurring/rows.ts'
import { findSubscriptionTrouble } from './recurring/trouble.ts'
import { isOfSubscription, tellOfBeginning, tellOfSubscription } from './recurring/tell.ts'
import { CAPTURED, tellCaptured } from './tell.ts'
import { SUBSCRIPTION_BEGUN, WORDS } from './words.ts'

/** HighLevel's transactions as orders: what they owe is what its API says, and it is told by asking, or by an event. */
export const createHighlevelSource = (deps: HighlevelDeps): OrderSource => ({
  name: 'highlevel',
  title: 'HighLevel',
  words: WORDS,
  describe({ tenant, key, metadata: { highlevel_order_id: _ownOrder, ...metadata } }) {
    const isCycle = readCycleKey(key) !== undefined
    return {
      description: isCycle ? 'Subscription payment' : `Payment ${key}`,
      metadata: {
        highlevel_location_id: tenant,
        ...(!isCycle && { highlevel_transaction_id: key }),
        ...metadata,
      },
    }
  },
  whyLate: async (db, order) =>
    (await deps.locations.isUninstalled(order.tenant))
      ? 'the location has uninstalled the app'
      : whyBegun(db, order),
  confirm: async (order) =>
    readCycleKey(order.key)
      ? confirmCycle(deps, order)
      : (await confirmBeginning(deps, order)) && confirm(deps, order),
  mayBegin: mayBeginCharge,
  // A charge that HighLevel has asked for is made once; a cycle is ours to collect.
  retryScheduleMs: ({ key }) => (readCycleKey(key) ? deps.config.retryScheduleMs : []),
  async onPaid(tx, order, _payment, at) {
    // What began it was paid in the same moment: decided anew, this is late.
    if (!(await noteAsPaid(deps, tx, order, at))) throw new Later(SUBSCRIPTION_BEGUN, at)
  },
  findTrouble: findSubscriptionTrouble,
  async onState(tx, order, { state }, at) {
    await onSubscriptionState(deps, tx, order, { state, at })
    // What came late was not paid then: it is once the order was asked for again.
    if (state === 'paid') await noteAsPaid(deps, tx, order, at)
  },
  tell: (order, telling) =>
    isOfSubscription(telling.what)
      ? tellOfSubscription(deps, order, telling)
      : tellCaptured(deps, order, telling),
  tellOther: (telling) =>
    readSubject(telling.orderId) ? tellOfBeginning(deps, telling.orderId, telling) : undefined,
  compare: (comparing) => compareTransactions(deps, comparing),
  describePayer,
  payerNamed,
})

/** What follows from being paid: once, however often it is said. */
async function noteAsPaid(deps: HighlevelDeps, tx: Executor, order: OrderRow, at: Date) {
  await planCaptured(deps, tx, order, at)
  return onSubscriptionPaid(deps, tx, { order, at })
}

/** HighLevel is told of a transaction, once, unless it has asked by then. */
async function planCaptured(
  { config }: HighlevelDeps,
  tx: Executor,
  { orderId, key, claimedAt }: OrderRow,
  at: Date,
): Promise<void> {
  if (readCycleKey(key) || claimedAt) return
  const dueAt = new Date(at.getTime() + (config.highlevel?.tellAfterMs ?? 0))
  await planTelling(tx, { orderId, what: CAPTURED, at, dueAt })
}
