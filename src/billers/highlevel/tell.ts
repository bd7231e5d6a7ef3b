import { tellHighlevel } from '../../highlevel/client.ts'
import { makeKey, type Mode } from '../../highlevel/keys.ts'
import type { Payment } from '../../collect/ledger.ts'
import { claim } from '../orders/claim.ts'
import { findAppliedTo } from '../orders/decide/money-of-order.ts'
import { readStanding } from '../orders/look.ts'
import type { OrderRow } from '../orders/order.ts'
import type { TellingRow, Told } from '../orders/source.ts'
import { snapshotInHundredths } from './decide/answers.ts'
import type { HighlevelDeps } from './deps.ts'
import { whyNotOwed } from './owed.ts'
import { WORDS } from './words.ts'

export const CAPTURED = 'payment.captured'

export type Fact = Pick<TellingRow, 'what' | 'fact' | 'attempts'>

/** Whether it is still open that HighLevel asks by itself: told again later, it is told whatever it has asked. */
export const isFirstTry = ({ fact, attempts }: Fact) => fact === '' && attempts <= 1

/** Sends one event. A 2xx means received; whether it was applied, the transaction tells. */
export async function send(
  { config, tellFetch }: HighlevelDeps,
  { locationId, mode }: { locationId: string; mode: Mode },
  event: { event: string } & Record<string, unknown>,
): Promise<Told> {
  const { highlevel } = config
  if (!highlevel) return { is: 'again', why: 'HighLevel is switched off' }
  const [secret = ''] = highlevel.secrets
  await tellHighlevel(
    { url: highlevel.eventsUrl, fetch: tellFetch },
    {
      ...event,
      locationId,
      apiKey: makeKey(secret, { kind: 'apiKey', mode, locationId }),
      marketplaceAppId: highlevel.appId,
    },
  )
  return { is: 'done' }
}

/**
 * The payment that HighLevel is to be told of: claimed first, so that no policy gives it back meanwhile (P5); or why it
 * is not told.
 */
export async function claimToTell(deps: HighlevelDeps, order: OrderRow): Promise<Payment | Told> {
  const { orderId, tenant, claimedAt } = order
  if (await deps.locations.isUninstalled(tenant))
    return { is: 'failed', why: 'the location has uninstalled the app' }
  const { ledger } = await readStanding(deps, orderId)
  const applied = findAppliedTo(ledger)
  const payment = ledger.payments.find((one) => one.dodoPaymentId === applied?.dodoPaymentId)
  if (!payment) return { is: 'failed', why: 'its payment is not taken any more' }
  const why = claimedAt ? undefined : await whyNotOwed(deps, order)
  if (why) return { is: 'failed', why }
  const isClaimed = await claim(deps, orderId, WORDS)
  return isClaimed ? payment : { is: 'failed', why: 'it was superseded' }
}

export const isTold = (value: Payment | Told): value is Told => 'is' in value

/**
 * HighLevel has asked, and was told. Where an order stood for a transaction that could not be read, a browser has said
 * whose order it is; by now the transaction itself can be read.
 */
async function lookAfterwards(deps: HighlevelDeps, order: OrderRow): Promise<Told> {
  const hasStoodIn = order.metadata['highlevel_order_id'] !== undefined
  const why = hasStoodIn ? await whyNotOwed(deps, order) : undefined
  return why ? { is: 'failed', why } : { is: 'done' }
}

/** Tells HighLevel that a transaction is paid, unless it has asked by then. */
export async function tellCaptured(
  deps: HighlevelDeps,
  order: OrderRow,
  telling: Fact,
): Promise<Told> {
  if (isFirstTry(telling) && order.claimedAt) return lookAfterwards(deps, order)
  const payment = await claimToTell(deps, order)
  if (isTold(payment)) return payment
  return send(
    deps,
    { locationId: order.tenant, mode: order.mode },
    {
      event: CAPTURED,
      chargeId: payment.dodoPaymentId,
      ghlTransactionId: order.key,
      chargeSnapshot: snapshotInHundredths('succeeded', payment),
    },
  )
}
