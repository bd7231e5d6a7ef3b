import { messageOf } from '../../../errors.ts'
import type { HighlevelDeps } from '../deps.ts'
import { cancelMandateIfUnused } from './mandates.ts'
import { findSubscription, type Whose } from './rows.ts'
import { end } from './settle.ts'

const no = (message: string) => ({ success: false, failed: true, message })

/**
 * Stops the schedule of a subscription, and its mandate if nothing else uses it. It is said to be cancelled only once
 * both are; asked again, what is left is done.
 */
export async function cancelSubscription(
  deps: HighlevelDeps,
  whose: Whose,
  subscriptionId: string,
) {
  const row = await findSubscription(deps.db, whose, subscriptionId)
  if (!row) return no('Unknown subscription')
  await deps.db.transaction((tx) => end(deps, tx, row, 'canceled', deps.now()))
  try {
    await cancelMandateIfUnused(deps, row)
  } catch (error) {
    deps.log.warn({ subscriptionId, error: messageOf(error) }, 'mandate not cancelled')
    return no('The outcome is not known yet; ask again')
  }
  return { status: 'canceled' }
}
