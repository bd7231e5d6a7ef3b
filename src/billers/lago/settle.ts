import { eq } from 'drizzle-orm'

import { receivables } from '../../db/schema.ts'
import type { Deps } from '../../deps.ts'
import { decide } from './decide/decide.ts'
import { isOwn } from '../../collect/decide/course.ts'
import { ASKING_KINDS } from '../../collect/receivable.ts'
import { finishDeliveries } from '../../collect/finish-deliveries.ts'
import { isLive } from '../../collect/ledger.ts'
import { Later, loggableReasonOf, PermanentError, reasonOf, WrongAddress } from '../../errors.ts'
import { asMended } from '../../collect/explain-settings.ts'
import { isSupposed } from '../../lago/just-read.ts'
import type { LagoInvoice } from '../../lago/objects.ts'
import { listUnread, readDeliveries, type DeliveryKey } from './deliveries.ts'
import { notePaidElsewhere } from './act/hold-payment.ts'
import { isFreeBy } from './license.ts'
import { ensureReceivable, type ReceivableRow } from '../../collect/load.ts'
import type { InvoicePolicy } from './decide/invoice.ts'
import type { Step } from './decide/steps.ts'
import { COLLECT_SINCE_FINDING, collectSinceOf } from './collect-since.ts'
import { asInvoice } from './invoice.ts'
import { loadInvoice } from './load-ledger.ts'
import { moneyPolicy } from './policy.ts'
import { takeOverPayToken } from './pay-token.ts'
import {
  grantWish,
  introduce,
  noteLeftOutMetadata,
  reasonCodeOf,
  rest,
  standingOfUnknown,
  tellWaiting,
} from './rest.ts'
import { isLinkWanting } from './link-on-invoice.ts'
import { isUrgentCause, wake, wakeWithin } from '../../wakes.ts'
import { takeStep } from './take-step.ts'
import { findInvoice } from './top-up.ts'
import { isRefused } from '../../collect/unknown-outcome.ts'

/** More steps than any invoice needs; past it something decides in circles, which a person must see. */
const MAX_STEPS = 40

export type Settle = (receivableId: string, data: Record<string, unknown>) => Promise<void>
type Settling = Deps
/** Clients whose requests go before others, for money that moved and customers who wait. */
type Urgent = { urgent: Pick<Deps, 'lago' | 'dodo'> }
/** `invoice` is Lago's as last seen, kept also when a step fails, because the operator wants to see it. */
type Case = {
  row: ReceivableRow
  read: DeliveryKey[]
  isMore: boolean
  policy: Omit<InvoicePolicy, 'isFreeLicense' | 'collectSince'>
  invoice: LagoInvoice | undefined
}

/**
 * Brings one invoice's two ledgers into agreement: decide, act, and decide again on what is then true,
 * until nothing is left to do. The queue runs it for one invoice at a time.
 */
export function createSettle({ urgent, ...usual }: Settling & Urgent): Settle {
  return async function settle(receivableId, data) {
    const { unread, isMore, row: known } = await listUnread(usual, receivableId)
    const isNews = unread.length > 0 || data['cause'] !== undefined
    // An earlier job has already done what this delivery asked for, but for a wish that waits to be granted.
    if (!isNews && !(await isWished(usual, receivableId))) return
    const row = known ?? (await ensureReceivable(usual, { receivableId }))
    const startedAt = usual.now()
    const read = await readDeliveries({ ...usual, ...urgent }, receivableId, unread)
    if (isAsking(row)) return handOver(usual, row, read)

    const isUrgent = read.some(({ source }) => source === 'dodo') || isUrgentCause(data['cause'])
    const deps = isUrgent ? { ...usual, ...urgent } : usual
    const policy = { ...moneyPolicy(deps, data['cause'] === 'customer'), startedAt }
    const subject: Case = { row, read, isMore, policy, invoice: undefined }
    try {
      await settleInvoice(deps, subject)
    } catch (error) {
      if (error instanceof Later && row.settledAt === null) await tellWaiting(deps, row, error)
      const needsPerson = error instanceof PermanentError || error instanceof WrongAddress
      if (!needsPerson && !isRefused(error)) throw error
      const number = subject.invoice?.number ?? row.number
      const trouble = asMended(error)
      const reason = loggableReasonOf(trouble)
      deps.log.error({ receivableId, number, reason }, 'invoice needs attention')
      const standing = {
        state: 'attention' as const,
        reason: reasonOf(trouble),
        ...reasonCodeOf(trouble),
      }
      await rest(deps, subject, { standing })
    }
  }
}

/** Buyers write metadata, and people ids: where a payment request is named as an invoice, it is looked at as what it is. */
async function handOver(
  { db, queue, now }: Settling,
  { receivableId }: ReceivableRow,
  keys: readonly DeliveryKey[],
) {
  const read = keys.map(({ deliveryId }) => deliveryId)
  const said = { at: now(), outcome: 'names a payment request, not an invoice', read }
  await db.transaction(async (tx) => {
    await finishDeliveries(tx, ['settle', receivableId], said)
    await wakeWithin({ db: tx, queue }, 'bundle', [receivableId], 'invoice_changed')
  })
}

const isAsking = ({ kind }: ReceivableRow) => ASKING_KINDS.some((one) => one === kind)

async function isWished({ db }: Settling, receivableId: string): Promise<boolean> {
  const [row] = await db
    .select({ requestedAt: receivables.requestedAt })
    .from(receivables)
    .where(eq(receivables.receivableId, receivableId))
  return (row?.requestedAt ?? null) !== null
}

async function settleInvoice(deps: Settling, subject: Case) {
  const { receivableId } = subject.row
  subject.invoice = await findInvoice(deps, receivableId)
  if (subject.invoice && subject.row.number === null) {
    await takeOverPayToken(deps.db, subject.invoice)
    await introduce(deps, subject.invoice)
    if (isLinkWanting(deps, subject.invoice.customer))
      await wake(deps, 'customer', [subject.invoice.customer.external_id], 'customer_changed')
  }
  let loaded: Loaded | undefined
  for (let taken = 0; taken < MAX_STEPS; taken += 1) {
    const { invoice } = subject
    if (!invoice)
      return rest(deps, subject, { standing: await standingOfUnknown(deps, subject.row) })
    loaded ??= await loadInvoice(deps, receivableId)
    const { row, found } = loaded
    const paidElsewhere = await notePaidElsewhere(deps, invoice, loaded.ledger)
    const ledger = { ...loaded.ledger, paidElsewhere }
    const policy = {
      ...subject.policy,
      collectSince: collectSinceOf(deps, found.get(COLLECT_SINCE_FINDING)),
      isFreeLicense: await isFreeBy(deps, found, 'credit_notes'),
    }
    const step = decide(asInvoice(invoice), ledger, policy, deps.now())
    if (isSupposed(invoice) && !isHarmless(step)) {
      subject.invoice = await findInvoice(deps, receivableId)
      continue
    }
    if (step.do === 'rest') {
      await noteLeftOutMetadata(deps, invoice, ledger)
      const live = ledger.attempts.find(isLive)
      const askedBy = live && !isOwn(live, ledger) ? live.receivableId : undefined
      const charge = ledger.attempts
        .filter((one) => one.kind === 'charge' && isOwn(one, ledger))
        .at(-1)
      return rest(deps, { ...subject, row }, { ...step, askedBy, charge })
    }
    subject.invoice = await takeStep(deps, step, invoice, ledger)
    if (step.do === 'open_checkout') await grantWish(deps, row)
    // What only Lago holds changes nothing of what we do.
    if (!isOnlyInLago(step, subject.invoice)) loaded = undefined
  }
  throw new PermanentError(
    `settling did not come to an end within ${MAX_STEPS} steps: please report this`,
    { code: 'too_many_steps' },
  )
}

type Loaded = Awaited<ReturnType<typeof loadInvoice>>

/** What may be done about an invoice that is supposed to be paid: it moves no money, and shows the invoice or leaves it. */
const isHarmless = (step: Step) => step.do === 'write_metadata' || step.do === 'end_attempt'

/** Whether Lago now holds the metadata that it was told. */
const isOnlyInLago = (step: Step, invoice: LagoInvoice | undefined) =>
  step.do === 'write_metadata' &&
  invoice !== undefined &&
  step.entries.every(
    ({ key, value }) => invoice.metadata.find((one) => one.key === key)?.value === value,
  )
