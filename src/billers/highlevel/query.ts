import { Query } from '../../highlevel/queries.ts'
import {
  answerNotCharged,
  answerRefusal,
  answerVerify,
  nothingOf,
  snapshotInMajor,
} from './decide/answers.ts'
import type { HighlevelDeps } from './deps.ts'
import { cancelSubscription } from './recurring/cancel.ts'
import { chargePayment } from './recurring/charge.ts'
import { createSubscription } from './recurring/create.ts'
import { listPaymentMethods } from './recurring/mandates.ts'
import { refund } from './refund.ts'
import { verify } from './verify.ts'

export type Answer = { status: 200 | 400 | 401; body: Record<string, unknown> | unknown[] }

const ok = (body: Answer['body']): Answer => ({ status: 200, body })
const unknownKey: Answer = { status: 401, body: answerRefusal('Invalid API key') }

const TYPES = [
  'verify',
  'refund',
  'list_payment_methods',
  'charge_payment',
  'create_subscription',
  'cancel_subscription',
] as const
type Type = (typeof TYPES)[number]

const NOT_SWITCHED_ON = 'saved cards and subscriptions are not switched on here'

/** Answers one query of HighLevel. Throws only for what nobody could have foreseen. */
export async function answerQuery(
  deps: HighlevelDeps,
  query: Record<string, unknown>,
): Promise<Answer> {
  const { apiKey, locationId, type } = query
  const whose = await deps.locations.findByKey('apiKey', apiKey)
  if (!whose) return unknownKey
  if (
    locationId !== undefined &&
    locationId !== null &&
    locationId !== '' &&
    locationId !== whose.locationId
  )
    return unknownKey
  const known = TYPES.find((one) => one === type)
  if (!known) return { status: 400, body: answerRefusal('unknown type') }

  const { data } = Query.safeParse(query)
  if (!data) return ok(answerMalformed(deps, known))
  switch (data.type) {
    case 'verify':
      return ok(await verify(deps, whose, data))
    case 'refund':
      return ok(await refund(deps, whose, data))
    case 'cancel_subscription':
      // Also once recurring payments were switched off again: what runs can be stopped.
      return ok(await cancelSubscription(deps, whose, data.subscriptionId))
    case 'list_payment_methods':
      return ok(isRecurring(deps) ? await listPaymentMethods(deps, whose, data.contactId) : [])
    case 'charge_payment':
      return ok(isRecurring(deps) ? await chargePayment(deps, whose, data) : notSwitchedOn(deps))
    case 'create_subscription':
      return ok(
        isRecurring(deps) ? await createSubscription(deps, whose, data) : notSwitchedOn(deps),
      )
  }
}

const isRecurring = ({ config }: HighlevelDeps) => config.highlevel?.payments === 'recurring'
const notSwitchedOn = ({ now }: HighlevelDeps) => answerNotCharged(NOT_SWITCHED_ON, now())

/** What failed on our side is not known to have failed: nothing is said that would void, or repeat, what was done. */
export function answerTroubled({ now }: Pick<HighlevelDeps, 'now'>, type: unknown): Answer['body'] {
  const message = 'The outcome is not known yet; ask again'
  switch (type) {
    case 'verify':
      return answerVerify({ is: 'pending', charge: nothingOf(undefined, now()) })
    case 'list_payment_methods':
      return []
    case 'charge_payment':
    case 'create_subscription': {
      const chargeSnapshot = snapshotInMajor('pending', nothingOf(undefined, now()))
      return { success: false, failed: false, chargeId: '', message: 'pending', chargeSnapshot }
    }
    default:
      return answerRefusal(message)
  }
}

/** What lacks something is about nothing of ours: it proves nothing, and changes nothing. */
function answerMalformed({ now }: Pick<HighlevelDeps, 'now'>, type: Type) {
  const message = `${type}: a field is missing, or of a wrong type`
  switch (type) {
    case 'verify':
      return answerVerify({ is: 'pending', charge: nothingOf(undefined, now()) })
    case 'refund':
      return answerRefusal(message)
    case 'list_payment_methods':
      return []
    case 'charge_payment':
    case 'create_subscription':
      return answerNotCharged(message, now())
    case 'cancel_subscription':
      return { success: false, failed: true, message: 'Unknown subscription' }
  }
}
