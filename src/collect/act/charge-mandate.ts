import { and, eq, inArray } from 'drizzle-orm'

import type { Executor } from '../../db/client.ts'
import { attempts, receivables, recordings } from '../../db/schema.ts'
import type { Deps } from '../deps.ts'
import { classifyDecline } from '../declines.ts'
import type { Ledger, Mandate } from '../ledger.ts'
import { formatDodo, toDodoMinor, toBooksMinor } from '../money.ts'
import { meaningOf } from '../../refusals.ts'
import type { Beginning, End } from '../decide/steps.ts'
import { Later, PermanentError, reasonOf } from '../../errors.ts'
import { begin, doubtAttempt, endAttempt, isBegun, nextNumber, resumeAttempt } from './attempts.ts'
import { insist, once } from '../once.ts'
import type { Owed } from '../receivable.ts'
import { assureDue, findPaidBefore, paysFor, type Charged } from './paid-before.ts'
import { readPayment } from './read-dodo.ts'
import { explainSettings } from '../explain-settings.ts'
import { wakePayer } from '../wake-payer.ts'
import { isStoppedBefore, isStoppedByPerson, refuseMandate, syncMandate } from './mandate.ts'
import { note } from '../timeline.ts'
import type { Refusal } from '../unknown-outcome.ts'

type Charging = Pick<Deps, 'account' | 'biller' | 'db' | 'dodo' | 'queue' | 'log' | 'now'>
type Plan = Beginning & {
  owed: Owed
  ledger: Ledger
  mandate: Mandate | undefined
  isWanted: boolean
}
/** The attempt that the charge is, whether it was begun before or is only now. */
type Charge = { attemptId: string; number: number; dodoSubscriptionId: string }
type ChargeBody = Parameters<Deps['dodo']['chargeMandate']>[1]

/** Dodo charges a mandate once at a time, and a bank may take days: asked for again ever more seldom, within these. */
const BUSY_MS = 20_000
const LONG_BUSY_MS = 30 * 60_000
/** No bank that says nothing of it for so long is waited for without a person knowing. */
const TOO_LONG_BUSY_MS = 6 * 3_600_000
/** Dodo's lists may lag: what is not in them after so long was not made (docs/decisions/008). */
const ANSWERED_MS = 20_000
const UNANSWERED_MS = 110_000

/**
 * Takes the money without the customer, once: every charge is looked for among the mandate's payments before it is
 * made, also one that this ledger knows nothing of, because the ledger may be new, or older than the charge.
 */
export async function chargeMandate(deps: Charging, plan: Plan): Promise<void> {
  const { owed, ledger, resume } = plan
  const dodoSubscriptionId = resume?.dodoSubscriptionId ?? plan.mandate?.dodoSubscriptionId
  if (!dodoSubscriptionId) return
  const charge: Charge = {
    attemptId: resume?.id ?? crypto.randomUUID(),
    number: resume?.number ?? nextNumber(ledger),
    dodoSubscriptionId,
  }
  const charged = await once<ChargeBody, Charged>(deps, {
    what: `whether ${dodoSubscriptionId} was charged`,
    repeatableAt: resume?.repeatableAt ?? undefined,
    answeredMs: ANSWERED_MS,
    unansweredMs: UNANSWERED_MS,
    find: () => findCharged(deps, plan, charge),
    prepare: () => prepare(deps, plan, charge),
    reserve: () => reserve(deps, owed),
    intend: (_body, repeatableAt) => intend(deps, plan, charge, repeatableAt),
    make: (body, turn) =>
      deps.dodo.chargeMandate(dodoSubscriptionId, body, owed.keyOf(charge.number), turn),
    keep: (made) => keep(deps, plan, charge, made),
    doubt: async (at) => void (await doubtAttempt(deps.db, charge.attemptId, at)),
    forget: () => forget(deps, charge),
    refused: (refusal) => explain(deps, plan, charge, refusal),
  })
  if (!charged) return
  const { attemptId } = charge
  await readPayment(deps, charged.payment_id, { attemptId, settling: owed.receivableId })
}

/** A turn may be waited for long, and in the books anything can happen meanwhile. */
async function reserve(deps: Charging, owed: Owed) {
  const turn = await deps.dodo.reserve()
  await assureDue(deps, owed)
  return turn
}

/** Undefined when the money is not wanted any more: then what was begun, and was not made, is over. */
async function prepare(deps: Charging, plan: Plan, charge: Charge) {
  const { owed, isWanted, mandate, resume } = plan
  const { dodoSubscriptionId } = charge
  const isStopped = mandate && (await isStoppedByPerson(deps, dodoSubscriptionId))
  if (isWanted && mandate && !isStopped) {
    return {
      product_price: toDodoMinor(owed.due, owed.currency),
      product_currency: owed.currency as 'USD',
      product_description: owed.description,
      customer_balance_config: {
        allow_customer_credits_usage: false,
        allow_customer_credits_purchase: false,
      },
      metadata: {
        ...owed.metadata,
        ...deps.biller.describePayer(owed.payer.key),
        ...(await deps.biller.mark()),
        bridge_attempt: String(charge.number),
      },
    }
  }
  if (resume) {
    const why = 'it was never made, and is not wanted any more'
    await end(deps, plan, charge, { status: 'superseded', at: deps.now(), why })
  }
  return undefined
}

/** It may have been stopped while the turn was waited for: that is asked in the very transaction that begins it. */
const intend = (deps: Charging, plan: Plan, charge: Charge, repeatableAt: Date) =>
  deps.db.transaction(async (tx) => {
    if (await isStoppedBefore(tx, charge.dodoSubscriptionId)) return false
    const { owed, resume } = plan
    if (owed.mayBegin && !(await owed.mayBegin(tx))) return false
    if (resume) return resumeAttempt(tx, resume.id, { repeatableAt }, resume)
    await write({ ...deps, db: tx }, plan, charge, {
      status: 'intended',
      amount: owed.due,
      repeatableAt,
    })
    // The wish is granted by this charge: it must not charge again when the card is declined at once.
    const { receivableId } = owed
    const isMerchants = eq(receivables.requestedBy, 'merchant')
    await tx
      .update(receivables)
      .set({ requestedBy: null })
      .where(and(eq(receivables.receivableId, receivableId), isMerchants))
    return true
  })

type Written = Pick<typeof attempts.$inferInsert, 'status' | 'amount' | 'repeatableAt'>

const write = (
  deps: Parameters<typeof begin>[0],
  { owed, cause, retryIndex }: Plan,
  { attemptId, number, dodoSubscriptionId }: Charge,
  written: Written,
) =>
  begin(deps, {
    // While an earlier charge of the mandate is under way this waits; its end wakes the customer's receivables.
    takenUntil: async () => againAt(deps.now(), await findBusySince(deps, dodoSubscriptionId)),
    attempt: {
      id: attemptId,
      receivableId: owed.receivableId,
      number,
      kind: 'charge',
      cause,
      retryIndex,
      currency: owed.currency,
      dodoSubscriptionId,
      startedAt: deps.now(),
      ...written,
    },
    shares: [{ receivableId: owed.receivableId, amount: written.amount }],
  })

/** When a mandate that is busy since then may be asked for again: in as long as it has been busy by now. */
function againAt(now: Date, since: Date | undefined): Date {
  const busyMs = now.getTime() - (since?.getTime() ?? now.getTime())
  return new Date(now.getTime() + Math.min(Math.max(busyMs, BUSY_MS), LONG_BUSY_MS))
}

/** Since when it is being charged for another receivable. */
async function findBusySince(
  { db }: { db: Executor },
  dodoSubscriptionId: string,
): Promise<Date | undefined> {
  const [live] = await db
    .select({ startedAt: attempts.startedAt })
    .from(attempts)
    .where(
      and(
        eq(attempts.dodoSubscriptionId, dodoSubscriptionId),
        eq(attempts.kind, 'charge'),
        inArray(attempts.status, ['intended', 'live', 'unknown']),
      ),
    )
  return live?.startedAt
}

/** The payment that this charge became: as a webhook told us, or as Dodo lists it. */
async function findCharged(
  deps: Charging,
  plan: Plan,
  { attemptId, dodoSubscriptionId }: Charge,
): Promise<Charged | undefined> {
  const { ledger, resume } = plan
  const told = ledger.payments.find((payment) => payment.attemptId === attemptId)
  if (told) return { payment_id: told.dodoPaymentId, amount: told.amount }
  if (!resume) return findPaidBefore(deps, plan, dodoSubscriptionId)
  for (const made of await deps.dodo.listMandatePayments(dodoSubscriptionId)) {
    const isThis = made.metadata['bridge_attempt'] === String(resume.number)
    if (isThis && (await paysFor(deps, plan.owed, made)))
      return { payment_id: made.payment_id, amount: made.total_amount }
  }
  return undefined
}

/** From now on it is Dodo's word that counts, and nothing makes it an intent again. */
async function keep(deps: Charging, plan: Plan, charge: Charge, { payment_id, amount }: Charged) {
  const { owed, resume } = plan
  const { attemptId, number, dodoSubscriptionId } = charge
  const { currency, due, receivableId } = owed
  const found = amount === undefined ? undefined : toBooksMinor(amount, currency)
  const [known] = await deps.db.select().from(attempts).where(eq(attempts.id, attemptId))
  if (!known && !resume) {
    await write(deps, plan, charge, { status: 'intended', amount: found ?? due })
  }
  const at = deps.now()
  await deps.db.transaction(async (tx) => {
    await tx.update(attempts).set({ dodoPaymentId: payment_id }).where(eq(attempts.id, attemptId))
    await tx.update(attempts).set({ status: 'live', lookedAt: null }).where(isBegun(attemptId))
    await tx.delete(recordings).where(isHeldAsNobodys(payment_id, owed))
    const money = formatDodo(amount ?? toDodoMinor(due, currency), currency)
    const what = `mandate ${dodoSubscriptionId} charged ${money} as ${payment_id} (attempt ${number})`
    await note(tx, receivableId, what, at)
  })
  deps.log.info({ receivableId, dodoPaymentId: payment_id, attempt: number }, 'mandate charged')
}

/** What was held only because no attempt of ours was known for it. */
const isHeldAsNobodys = (dodoPaymentId: string, { receivableId }: Owed) =>
  and(
    eq(recordings.dodoPaymentId, dodoPaymentId),
    eq(recordings.receivableId, receivableId),
    eq(recordings.status, 'held'),
    eq(recordings.disposition, 'mismatch'),
  )

/** Nothing was charged: it need not be looked for, and may be made as soon as it can be. */
async function forget({ db, now }: Charging, { attemptId }: Charge) {
  await db
    .update(attempts)
    .set({ repeatableAt: now() })
    .where(and(isBegun(attemptId), eq(attempts.status, 'intended')))
}

async function explain(deps: Charging, plan: Plan, charge: Charge, refusal: Refusal) {
  const explained = explainSettings(refusal)
  const meaning = meaningOf(refusal)
  const at = deps.now()
  if (explained || meaning === 'later' || meaning === 'funds') {
    await insist(() => forget(deps, charge))
    throw explained ?? putOff(refusal, plan, at)
  }
  const reason = reasonOf(refusal)
  const declineCode = refusal.code ?? null
  if (meaning === 'card') {
    const why = `the charge was declined${declineCode ? ` (${declineCode})` : ''}`
    const declined = { status: 'declined' as const, at, why, declineCode }
    // Dodo lists no payment for it: forgotten by us, the card would be charged again at once.
    return insist(() => end(deps, plan, charge, declined))
  }
  // What says nothing about the mandate leaves it alone: this goes to the pay link, the next is charged.
  const isOfMandate = meaning === 'mandate' || refusal.status === 404
  if (isOfMandate) await refuseMandate(deps.db, charge.dodoSubscriptionId, reason)
  await end(deps, plan, charge, { status: 'superseded', at, why: reason, declineCode })
  if (isOfMandate) await syncMandate(deps, charge.dodoSubscriptionId)
}

/** What Dodo says is not its word on this charge, so that it stays intended; a person may see in Dodo what it waits for. */
function putOff(refusal: Refusal, { resume }: Plan, at: Date): Error {
  const since = resume?.startedAt
  const isBusy = refusal.code === 'PREVIOUS_PAYMENT_PENDING'
  if (!isBusy || !since || at.getTime() - since.getTime() < TOO_LONG_BUSY_MS)
    return new Later(refusal.message, againAt(at, isBusy ? since : undefined))
  const card = resume.dodoSubscriptionId
  return new PermanentError(
    `the saved card (${card}) is not charged, since Dodo is busy with an earlier payment of it, as it has been since ${since.toISOString()}: look at that payment in Dodo; it is asked for again by itself`,
    { code: 'dodo_refused', cause: refusal },
  )
}

async function end(deps: Charging, { owed }: Plan, charge: Charge, ending: End) {
  const { attemptId: id, number, dodoSubscriptionId } = charge
  await endCharge(deps, owed, { id, number, dodoSubscriptionId }, ending)
}

/**
 * A charge is over, however that was told: by a payment, by an answer or by our own decision. The mandate is free
 * for whatever waits for it next, unless its card is no good any more.
 */
export async function endCharge(
  deps: Pick<Deps, 'db' | 'queue' | 'log' | 'now'>,
  { receivableId, payer }: Pick<Owed, 'receivableId' | 'payer'>,
  attempt: { id: string; number: number; dodoSubscriptionId: string | null },
  ending: End,
) {
  await endAttempt(deps, receivableId, attempt, ending)
  const code = ending.declineCode ?? null
  const isHard = ending.status === 'declined' && classifyDecline(code) === 'hard'
  if (isHard && attempt.dodoSubscriptionId)
    await refuseMandate(deps.db, attempt.dodoSubscriptionId, `its card was declined (${code})`)
  await wakePayer(deps, deps.db, payer.key)
}
