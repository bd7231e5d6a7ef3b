import { and, eq, inArray, isNull, notExists, or } from 'drizzle-orm'

import type { Executor } from '../../db/client.ts'
import { attempts, payments, recordings, refundOrders } from '../../db/schema.ts'
import type { Deps } from '../deps.ts'
import type { CheckoutBody } from '../../dodo/client.ts'
import type { DodoCheckout } from '../../dodo/objects.ts'
import { Later } from '../../errors.ts'
import { wake, wakeWithin } from '../../wakes.ts'
import type { Beginning } from '../decide/steps.ts'
import { isLive, UNBEGUN, type Attempt, type Ledger } from '../ledger.ts'
import { loadAttempts } from '../load.ts'
import { formatBooks } from '../money.ts'
import { once } from '../once.ts'
import type { Owed } from '../receivable.ts'
import { note } from '../timeline.ts'
import { begin, doubtAttempt, endAttempt, isBegun, nextNumber, resumeAttempt } from './attempts.ts'
import { explainRefusal, prepareCheckout, type Checkouts, type Demand } from './checkout.ts'
import { explainSettings } from '../explain-settings.ts'
import { readSession } from './read-dodo.ts'

/** A session lives 24 hours and cannot be ended before (Dodo, checkout-session guide). */
const SESSION_LIFETIME_MS = 24 * 3_600_000
const BEING_PAID_MS = 2_000

type Opening = Checkouts & Pick<Deps, 'queue'>
type Plan = Beginning & {
  owed: Owed
  ledger: Ledger
  kind: 'checkout' | 'mandate'
  replaces?: { attempt: Attempt; why: string } | undefined
}

/**
 * Opens a hosted checkout for exactly what is due, and makes its attempt live. The session of a lost answer cannot
 * be paid, since its address was in the answer: so there is nothing to look for, and nothing to wait for before the
 * next.
 */
export async function openCheckout(deps: Opening, plan: Plan): Promise<void> {
  const { owed, ledger, resume } = plan
  const number = resume?.number ?? nextNumber(ledger)
  const demand: Demand = {
    kind: resume ? asCheckout(resume.kind) : plan.kind,
    payer: owed.payer,
    currency: owed.currency,
    amount: owed.due,
    description: owed.description,
    returnUrl: owed.returnUrl ?? `${ledger.payUrl}/return`,
    metadata: { ...owed.metadata, bridge_attempt: String(number) },
  }
  let attemptId = resume?.id ?? ''
  let asked: CheckoutBody | undefined
  const opened = await once<{ kind: Demand['kind']; body: CheckoutBody }, DodoCheckout>(deps, {
    what: `whether Dodo opened a checkout for ${owed.description}`,
    prepare: () => prepareCheckout(deps, demand),
    reserve: deps.dodo.reserve,
    async intend({ kind, body }) {
      asked = body
      if (attemptId) return resumeAttempt(deps.db, attemptId, { kind })
      attemptId = await intend(deps, plan, { kind, number })
      return true
    },
    make: ({ body }, turn) => deps.dodo.createCheckout(body, owed.keyOf(number), turn),
    keep: (checkout) => markLive(deps, owed, { attemptId, number, checkout }),
    doubt: async () => void (await doubtAttempt(deps.db, attemptId)),
    forget: async () => undefined,
    refused(refusal) {
      deps.previews.forgetAll()
      return explain(deps, refusal, { attemptId, demand, asked })
    },
  })
  const others = othersOf(owed)
  if (opened && others.length > 0) await wake(deps, 'settle', others, 'payment_request')
}

const othersOf = ({ receivableId, shares }: Owed) =>
  shares.map((one) => one.receivableId).filter((one) => one !== receivableId)

const asCheckout = (kind: Attempt['kind']) => (kind === 'mandate' ? 'mandate' : 'checkout')

/**
 * Whatever asks for a part of it makes way in the same moment: both or neither. Not a charge of a saved card, which
 * may have been sent to Dodo by now, whatever the sum was decided on.
 */
async function intend(
  deps: Opening,
  { owed, replaces, cause, retryIndex }: Plan,
  { kind, number }: { kind: Demand['kind']; number: number },
): Promise<string> {
  const alone = await findAlone(deps, owed, replaces?.attempt)
  for (const attempt of alone) await assertUnpaid(deps, owed, attempt)
  const at = deps.now()
  return deps.db.transaction(async (tx) => {
    const within = { ...deps, db: tx }
    const supersede = (attempt: Attempt, why: string) =>
      endAttempt(within, attempt.receivableId, attempt, { status: 'superseded', at, why })
    if (replaces) await supersede(replaces.attempt, replaces.why)
    for (const attempt of alone)
      await supersede(
        attempt,
        `${owed.askedBy ?? owed.receivableId} asks for it together with others`,
      )
    const left = leftOut(owed, replaces ? [replaces.attempt, ...alone] : alone)
    await wakeWithin(within, 'settle', left, 'payment_request')
    return begin(within, {
      attempt: {
        receivableId: owed.receivableId,
        number,
        kind,
        cause,
        retryIndex,
        status: 'intended',
        currency: owed.currency,
        amount: owed.due,
        startedAt: at,
      },
      shares: owed.shares,
    })
  })
}

/** Whom the attempts that make way asked for as well, and who is asked for by nobody now. */
function leftOut({ shares }: Owed, made: readonly Attempt[]): string[] {
  const asked = new Set(shares.map(({ receivableId }) => receivableId))
  const before = new Set(made.flatMap((one) => one.shares.map(({ receivableId }) => receivableId)))
  return [...before].filter((one) => !asked.has(one))
}

async function findAlone({ db, now }: Opening, owed: Owed, replaced: Attempt | undefined) {
  const alone: Attempt[] = []
  for (const receivableId of othersOf(owed)) {
    const live = (await loadAttempts(db, receivableId)).find(isLive)
    if (live?.kind === 'charge') throw beingPaid({ now })
    if (live && live.id !== replaced?.id) alone.push(live)
  }
  return alone
}

/** The sum is another in a moment. */
const beingPaid = ({ now }: Pick<Opening, 'now'>) =>
  new Later(
    'an invoice of the payment request is being paid',
    new Date(now().getTime() + BEING_PAID_MS),
  )

/** Nobody pays, or has paid, in a checkout whose payment is one of these. */
const TOOK_NOTHING = ['failed', 'cancelled', UNBEGUN]

/** Somebody may be paying in a checkout of its own just now. */
async function assertUnpaid(deps: Opening, owed: Owed, attempt: Attempt) {
  const { dodoSessionId } = attempt
  if (!dodoSessionId) return
  await readSession(deps, attempt, { dodoSessionId, settling: owed.receivableId })
  const made = await deps.db
    .select({ status: payments.status })
    .from(payments)
    .where(eq(payments.attemptId, attempt.id))
  if (made.some(({ status }) => !TOOK_NOTHING.includes(status))) throw beingPaid(deps)
}

const isLiveAs = (attemptId: string, { session_id }: DodoCheckout) =>
  and(
    eq(attempts.id, attemptId),
    eq(attempts.status, 'live'),
    eq(attempts.dodoSessionId, session_id),
  )

/** What Dodo would not save a mandate for, it may still collect: decided anew, as a plain checkout. */
async function explain(
  deps: Opening,
  refusal: Parameters<typeof explainRefusal>[1],
  {
    attemptId,
    demand,
    asked,
  }: { attemptId: string; demand: Demand; asked: CheckoutBody | undefined },
) {
  const explained = explainSettings(refusal)
  if (explained) throw explained
  const forgone = await deps.db
    .update(attempts)
    .set({ kind: 'checkout' })
    .where(and(isBegun(attemptId), eq(attempts.kind, 'mandate')))
    .returning({ id: attempts.id })
  if (forgone.length === 0 && asked) throw await explainRefusal(deps, refusal, demand, asked)
}

/** From now on it may be paid, until it expires; unless the attempt made way for another one meanwhile. */
async function markLive(
  { db, log, now }: Pick<Checkouts, 'log' | 'now'> & { db: Executor },
  { shares, due, currency, describeAttempt }: Owed,
  opened: { attemptId: string; number: number; checkout: DodoCheckout },
) {
  const { attemptId, number, checkout } = opened
  const { session_id, checkout_url } = checkout
  const at = now()
  const isOpen = await db.transaction(async (tx) => {
    const rows = await tx
      .update(attempts)
      .set({
        status: 'live',
        dodoSessionId: session_id,
        checkoutUrl: checkout_url,
        expiresAt: new Date(at.getTime() + SESSION_LIFETIME_MS),
        lookedAt: at,
      })
      // Also when it was written down already, and only that was not known.
      .where(or(isBegun(attemptId), isLiveAs(attemptId, checkout)))
      .returning({ id: attempts.id, account: attempts.account })
    for (const attempt of rows) await adoptPayments(tx, attempt, session_id)
    const what =
      rows.length > 0
        ? `checkout ${session_id} opened for ${formatBooks(due, currency)} ${describeAttempt(number)}`
        : `checkout ${session_id} came too late: its attempt is over, and nobody is sent to it`
    for (const { receivableId } of shares) await note(tx, receivableId, what, at)
    return rows.length > 0
  })
  const receivableIds = shares.map(({ receivableId }) => receivableId)
  log.info({ receivableIds, dodoSessionId: session_id, isLive: isOpen }, 'checkout opened')
}

/**
 * Payments through it that were seen before its session was known: they are this attempt's, and what was made of them
 * without it, short of a person's word or of money that went back, is judged anew.
 */
async function adoptPayments(
  tx: Executor,
  { id: attemptId, account }: { id: string; account: string },
  dodoSessionId: string,
) {
  const adopted = await tx
    .update(payments)
    .set({ attemptId })
    .where(
      and(
        eq(payments.account, account),
        eq(payments.dodoSessionId, dodoSessionId),
        isNull(payments.attemptId),
      ),
    )
    .returning({ id: payments.dodoPaymentId })
  if (adopted.length === 0) return
  await tx.delete(recordings).where(
    and(
      inArray(
        recordings.dodoPaymentId,
        adopted.map(({ id }) => id),
      ),
      eq(recordings.status, 'held'),
      eq(recordings.disposition, 'mismatch'),
      isNull(recordings.ruling),
      notExists(
        tx
          .select()
          .from(refundOrders)
          .where(eq(refundOrders.dodoPaymentId, recordings.dodoPaymentId)),
      ),
    ),
  )
}
