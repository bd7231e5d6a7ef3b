import { ENDED } from '../act/mandate.ts'
import { isAnyOf } from '../../db/any-of.ts'
import { mandates } from '../../db/schema.ts'
import type { Deps } from '../deps.ts'
import type { DodoSubscription } from '../../dodo/objects.ts'

/** Mandates of a page that became something else than we know. */
export async function findMandates({ db }: Pick<Deps, 'db'>, page: DodoSubscription[]) {
  const ids = page.map(({ subscription_id }) => subscription_id)
  const held = await db.select().from(mandates).where(isAnyOf(mandates.dodoSubscriptionId, ids))
  const known = new Map(held.map((one) => [one.dodoSubscriptionId, one]))
  return page.flatMap((one) => {
    const row = known.get(one.subscription_id)
    const isToBeEnded = row?.stoppedAt && !ENDED.includes(one.status)
    const isSame =
      !isToBeEnded &&
      row?.status === one.status &&
      row.isEnding === one.cancel_at_next_billing_date &&
      row.dodoPaymentMethodId === one.payment_method_id
    const what = `mandate ${one.subscription_id} is ${one.status}, not ${row?.status ?? 'known'}`
    return isSame ? [] : [{ key: one.subscription_id, what }]
  })
}
