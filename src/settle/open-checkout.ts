import { and, eq, or } from 'drizzle-orm'

import type { Executor } from '../db/client.ts'
import { attempts } from '../db/schema.ts'
import type { CheckoutBody } from '../dodo/client.ts'
import type { DodoCheckout } from '../dodo/objects.ts'
import type { Attempt, Ledger } from '../domain/ledger.ts'
import { formatLago } from '../domain/money.ts'
import type { Beginning } from '../domain/steps.ts'
import type { LagoInvoice } from '../lago/objects.ts'
import { begin, doubtAttempt, isBegun, keyOf, nextNumber, resumeAttempt } from './attempts.ts'
import { explainRefusal, prepareCheckout, type Checkouts, type Demand } from './checkout.ts'
import { once } from './once.ts'
import { explainSettings } from './refusals.ts'
import { note } from './timeline.ts'

/** A session lives 24 hours and cannot be ended before (Dodo, checkout-session guide). */
const SESSION_LIFETIME_MS = 24 * 3_600_000

type Plan = Beginning & { invoice: LagoInvoice; ledger: Ledger; kind: 'checkout' | 'mandate' }

/** Opens a hosted checkout for exactly what is due. */
export async function openCheckout(deps: Checkouts, plan: Plan): Promise<void> {
  const { invoice, ledger, resume, cause, retryIndex } = plan
  const { currency, total_due_amount_cents: amount } = invoice
  const number = resume?.number ?? nextNumber(ledger)
  await openOnce(deps, {
    attemptId: resume?.id,
    demand: {
      kind: resume ? asCheckout(resume.kind) : plan.kind,
      customer: invoice.customer,
      currency,
      amount,
      description: `Invoice ${invoice.number}`,
      returnUrl: `${ledger.payUrl}/return`,
      metadata: {
        lago_invoice_id: invoice.lago_id,
        lago_invoice_number: invoice.number,
        bridge_attempt: String(number),
      },
    },
    key: keyOf(invoice, number),
    begin: (kind) =>
      begin(deps, {
        attempt: {
          lagoInvoiceId: invoice.lago_id,
          number,
          kind,
          cause,
          retryIndex,
          status: 'intended',
          currency,
          amount,
          startedAt: deps.now(),
        },
        parts: [{ lagoInvoiceId: invoice.lago_id, amount }],
      }),
    lagoInvoiceIds: [invoice.lago_id],
    describe: ({ session_id }) =>
      `checkout ${session_id} opened for ${formatLago(amount, currency)} (attempt ${number})`,
  })
}

/** A checkout that is to be opened, whoever asks for it. */
type Opening = {
  /** An attempt that was begun before. */
  attemptId: string | undefined
  demand: Demand
  key: string
  /** Commits the attempt and returns its id. */
  begin: (kind: Demand['kind']) => Promise<string>
  lagoInvoiceIds: readonly string[]
  describe: (checkout: DodoCheckout) => string
}

/**
 * Opens a checkout and makes its attempt live. The session of a lost answer cannot be paid, since its address was
 * in the answer: so there is nothing to look for, and nothing to wait for before the next.
 */
export async function openOnce(
  deps: Checkouts,
  opening: Opening,
): Promise<DodoCheckout | undefined> {
  const { demand, key } = opening
  let { attemptId = '' } = opening
  return once<{ kind: Demand['kind']; body: CheckoutBody }, DodoCheckout>(deps, {
    what: `whether Dodo opened a checkout for ${demand.description}`,
    prepare: () => prepareCheckout(deps, demand),
    reserve: deps.dodo.reserve,
    async intend({ kind }) {
      if (attemptId) return resumeAttempt(deps.db, attemptId, { kind })
      attemptId = await opening.begin(kind)
      return true
    },
    make: ({ body }, turn) => deps.dodo.createCheckout(body, key, turn),
    keep: (checkout) => markLive(deps, { ...opening, attemptId, checkout }),
    doubt: async () => void (await doubtAttempt(deps.db, attemptId)),
    forget: async () => undefined,
    async refused(refusal) {
      const explained = explainSettings(refusal)
      if (explained) throw explained
      // What Dodo would not save a mandate for, it may still collect: decided anew, as a plain checkout.
      const forgone = await deps.db
        .update(attempts)
        .set({ kind: 'checkout' })
        .where(and(isBegun(attemptId), eq(attempts.kind, 'mandate')))
        .returning({ id: attempts.id })
      if (forgone.length === 0) throw await explainRefusal(deps, refusal, demand)
    },
  })
}

const isLiveAs = (attemptId: string, { session_id }: DodoCheckout) =>
  and(
    eq(attempts.id, attemptId),
    eq(attempts.status, 'live'),
    eq(attempts.dodoSessionId, session_id),
  )

export const asCheckout = (kind: Attempt['kind']) => (kind === 'mandate' ? 'mandate' : 'checkout')

/** From now on it may be paid, until it expires; unless the attempt made way for another one meanwhile. */
async function markLive(
  { db, log, now }: Pick<Checkouts, 'log' | 'now'> & { db: Executor },
  opened: Pick<Opening, 'lagoInvoiceIds' | 'describe'> & {
    attemptId: string
    checkout: DodoCheckout
  },
) {
  const { attemptId, checkout, lagoInvoiceIds, describe } = opened
  const at = now()
  const isLive = await db.transaction(async (tx) => {
    const rows = await tx
      .update(attempts)
      .set({
        status: 'live',
        dodoSessionId: checkout.session_id,
        checkoutUrl: checkout.checkout_url,
        expiresAt: new Date(at.getTime() + SESSION_LIFETIME_MS),
        lookedAt: at,
      })
      // Also when it was written down already, and only that was not known.
      .where(or(isBegun(attemptId), isLiveAs(attemptId, checkout)))
      .returning({ id: attempts.id })
    const what =
      rows.length > 0
        ? describe(checkout)
        : `checkout ${checkout.session_id} came too late: its attempt is over, and nobody is sent to it`
    for (const lagoInvoiceId of lagoInvoiceIds) await note(tx, lagoInvoiceId, what, at)
    return rows.length > 0
  })
  log.info({ lagoInvoiceIds, dodoSessionId: checkout.session_id, isLive }, 'checkout opened')
}
