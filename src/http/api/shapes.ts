import { z } from 'zod'

import { readMoment } from '../../db/moment.ts'
import { REASON_CODES } from '../../collect/receivable.ts'
import { MAIL_KINDS } from '../../mail-kinds.ts'
import { DISPUTE_OUTCOMES } from '../../report/dashboard/disputes.ts'
import { INVOICE_SORTS, INVOICE_STATES } from '../../report/dashboard/list-invoices.ts'
import { REFUND_STATUSES } from '../../report/dashboard/refunds.ts'
import { Paging, Text } from './reading.ts'

const moment = z.iso.datetime().describe('ISO 8601, in UTC')
const A_DAY = 'write a day like 2026-12-31'
const day = z.iso.date(A_DAY).refine((text) => readMoment(text) !== undefined, A_DAY)
const id = z.string()
const minor = z.int()

/** What may be asked for of each list. */
export const InvoiceQuery = z.strictObject({
  state: z.enum(INVOICE_STATES).optional(),
  reason: z.enum(REASON_CODES).optional().describe('Only those that need a person for this reason'),
  currency: z
    .string()
    .regex(/^[A-Z]{3}$/, 'write it like USD')
    .optional(),
  customer: Text.optional().describe('Lago’s external customer id'),
  q: Text.optional().describe('A number or how it begins, an id, or how the name begins'),
  dueFrom: day.optional().describe('Due on that day or later'),
  dueTo: day.optional().describe('Due on that day or before'),
  sort: z.enum(INVOICE_SORTS).optional(),
  ...Paging,
})
export const CustomerQuery = z.strictObject({
  q: Text.optional().describe('How the id or the name begins'),
  limit: Paging.limit,
  before: Text.optional().describe('`next` of the page before'),
})
export const AttentionQuery = z.strictObject({
  reason: z.enum(REASON_CODES).optional(),
  ...Paging,
})
export const RefundQuery = z.strictObject({
  status: z.enum(REFUND_STATUSES).optional(),
  ...Paging,
})
export const DisputeQuery = z.strictObject({ outcome: z.enum(DISPUTE_OUTCOMES).optional() })
export const StatementQuery = z.strictObject({
  from: z.string().optional().describe('First day; without any day, this month’s first'),
  to: z.string().optional().describe('Last day; today without one'),
  tz: z.string().optional().describe('Whose days they are, like Europe/Paris; UTC without one'),
  source: z.string().optional().describe('Only of lago, openfront or highlevel'),
})
export const KeptQuery = StatementQuery.omit({ source: true })
export const SeenBody = z.strictObject({ note: z.string().trim().max(300).optional() })

export const ErrorAnswer = z.object({ error: z.string() })
export const Acted = z.object({
  outcome: z.enum(['done', 'begun']),
  said: z.string().describe('What came of it, in words'),
})
const listOf = (item: z.ZodType) =>
  z.object({
    items: z.array(item),
    next: z.string().nullable().describe('The next page’s `before`'),
  })

const Mails = z.array(
  z.object({
    kind: z.enum(MAIL_KINDS),
    subject: id.describe('The invoice, payment request, mandate or customer that it is about'),
    occasion: z.string().describe('Which of its kind: an attempt, a day'),
    state: z.enum(['waiting', 'sent', 'suppressed', 'folded', 'failed']),
    tries: z.int(),
    reason: z.string().nullable().describe('Why it was not sent, as last tried'),
    plannedAt: moment,
    endedAt: moment.nullable(),
    nextTryAt: moment.nullable(),
  }),
)

const ListedInvoice = z.object({
  lagoInvoiceId: id,
  number: z.string().nullable(),
  lagoCustomerId: z.string().nullable(),
  customerName: z.string().nullable(),
  currency: z.string().nullable(),
  amountDue: minor.describe('Lago’s minor units'),
  state: z.enum(INVOICE_STATES),
  reason: z.string(),
  reasonCode: z.enum(REASON_CODES).nullable(),
  createdAt: moment,
  settledAt: moment.nullable(),
})
export const Invoices = listOf(ListedInvoice)
export const Invoice = z.looseObject({
  lagoInvoiceId: id,
  number: z.string().nullable(),
  customer: z.string().nullable(),
  currency: z.string().nullable(),
  amountDue: minor,
  state: z.enum(INVOICE_STATES),
  reason: z.string(),
  reasonCode: z.enum(REASON_CODES).nullable(),
  next: z.string().describe('What will happen next, when, and by whose doing'),
  payUrl: z.url(),
  isPayable: z.boolean(),
  attempts: z.array(z.looseObject({ number: z.int(), kind: z.string(), status: z.string() })),
  payments: z.array(z.looseObject({ dodoPaymentId: id, status: z.string(), amount: minor })),
  refunds: z.array(z.looseObject({ dodoRefundId: id, status: z.string() })),
  disputes: z.array(z.looseObject({ dodoDisputeId: id, outcome: z.enum(DISPUTE_OUTCOMES) })),
  deliveries: z.array(
    z.object({
      source: z.string(),
      deliveryId: id,
      eventType: z.string(),
      receivedAt: moment,
      replayedAt: moment.nullable(),
      processedAt: moment.nullable(),
      verifiedWith: z.string().nullable().describe('Which key its signature held with'),
      outcome: z.string().nullable(),
    }),
  ),
  mails: Mails.describe('What the customer was mailed about it, or not and why, the newest first'),
  timeline: z.array(z.object({ at: moment, what: z.string() })),
})
export const Customers = listOf(
  z.object({
    lagoCustomerId: id,
    name: z.string().nullable(),
    owed: z.array(z.object({ currency: z.string(), amount: minor, count: z.int() })),
    cards: z.array(z.string()).describe('The currencies that a card may be charged in'),
  }),
)
export const Customer = z.looseObject({
  customer: id,
  dodoCustomerId: z.string().nullable(),
  setupUrl: z
    .url()
    .nullable()
    .describe('Where the customer saves a card; null as long as Dodo was never told of them'),
  accountUrl: z.url().nullable().describe('Where the customer sees and pays all that they owe'),
  mandates: z.array(
    z.looseObject({
      dodoSubscriptionId: id,
      status: z.string(),
      card: z.string().nullable().describe('Brand and last four digits, as far as Dodo says'),
      cardEnds: z.string().nullable().describe('The last month in which it is good: 2032-06'),
    }),
  ),
  mails: Mails.optional().describe('What they were mailed, or not and why, the newest first'),
})
export const AttentionList = listOf(
  z.object({
    id,
    kind: z.enum(['invoice', 'payment_request', 'selection', 'order']),
    number: z.string().nullable(),
    customer: z.string().nullable(),
    customerName: z.string().nullable(),
    amountDue: minor,
    currency: z.string().nullable(),
    reasonCode: z.enum(REASON_CODES),
    reason: z.string(),
    since: moment.nullable(),
    seen: z.object({ by: z.string(), at: moment, note: z.string().nullable() }).nullable(),
    createdAt: moment,
  }),
)
export const Refunds = listOf(
  z.looseObject({
    id,
    dodoRefundId: z.string().nullable(),
    dodoPaymentId: id,
    status: z.enum(REFUND_STATUSES),
    amount: minor.nullable().describe('Dodo’s minor units'),
    currency: z.string().nullable(),
    receivableId: z.string().nullable(),
    at: moment,
  }),
)
export const Disputes = listOf(
  z.looseObject({
    dodoDisputeId: id,
    dodoPaymentId: id,
    outcome: z.enum(DISPUTE_OUTCOMES),
    amount: z.string().describe('As Dodo writes it'),
    currency: z.string(),
    dueAt: moment.nullable().describe('Until when it must be answered in Dodo’s dashboard'),
  }),
)
export const StatementAnswer = z.looseObject({
  from: z.string(),
  to: z.string(),
  timeZone: z.string(),
  madeAt: moment,
  unexplained: z.int().describe('How many differences nothing explains: 0, as it should be'),
  currencies: z.array(z.looseObject({ currency: z.string(), difference: minor })),
  differences: z.array(z.looseObject({ why: z.string(), isExplained: z.boolean() })),
})
const count = z.int()
export const KeptAnswer = z.object({
  from: z.string(),
  to: z.string(),
  timeZone: z.string(),
  madeAt: moment,
  currencies: z
    .array(
      z.object({
        currency: z.string(),
        change: minor.describe('Of the balance'),
        lines: z.array(z.object({ what: z.string(), count, amount: minor })),
      }),
    )
    .describe('Dodo’s minor units; less than nothing went'),
  payments: z.array(
    z.object({
      dodoPaymentId: id,
      invoice: z.string().nullable(),
      currency: z.string(),
      madeAt: moment,
      paid: minor,
      tax: minor,
      fees: minor,
      net: minor,
    }),
  ),
})
export const Health = z.array(
  z.object({
    id: z.string(),
    verdict: z.enum(['ok', 'warn', 'fail', 'skip']),
    evidence: z.string(),
    fix: z.string().nullable(),
    docs: z.string(),
  }),
)
