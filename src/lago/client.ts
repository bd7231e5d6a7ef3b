import { Client } from 'lago-javascript-client'
import { z } from 'zod'

import { ApiError, Later } from '../errors.ts'
import { createTurn, type Reserve, type Turn } from '../turn.ts'
import {
  LagoCreditNote,
  LagoCreditNoteRow,
  LagoCustomer,
  LagoEstimate,
  LagoInvoice,
  LagoPayment,
  LagoPaymentRequest,
  LagoPaymentRow,
  LagoWallet,
  LagoWalletTransaction,
} from './objects.ts'

/** Bounds every listing: a service that never ends its pages does not hold us for ever. */
const MAX_PAGES = 1_000
const PAGE_SIZE = 100

const PageMeta = z.object({ meta: z.object({ next_page: z.number().nullish() }) })

export type Lago = ReturnType<typeof createLago>
export type NewCreditNote = {
  invoice_id: string
  reason: 'other'
  description: string
  refund_amount_cents: number
  credit_amount_cents: number
  items: { fee_id: string; amount_cents: number }[]
  metadata: Record<string, string>
}
export type LagoMetadataEntry = { id?: string; key: string; value: string }

/**
 * Lago through its official client, which throws the `Response`, does not encode path parts and knows
 * no deadline: this wrapper and the fetch it is given mend that. Every method throws `ApiError`, or `Later`
 * when Lago asks us to slow down.
 */
export function createLago(options: {
  url: string
  apiKey: string
  fetch: typeof globalThis.fetch
  reserve?: Reserve
}) {
  const client = Client(options.apiKey, {
    baseUrl: `${options.url}/api/v1`,
    customFetch: options.fetch,
  })

  /** The invoice, or undefined when this organisation has none by that id (or it is not visible yet). */
  const findInvoice = (lagoInvoiceId: string): Promise<LagoInvoice | undefined> =>
    orUndefined(
      call(`read invoice ${lagoInvoiceId}`, z.object({ invoice: LagoInvoice }), () =>
        client.invoices.findInvoice(encodeURIComponent(lagoInvoiceId)),
      ).then(({ invoice }) => invoice),
    )

  /**
   * A page, counted from 1, of the finalised invoices that Lago holds for unpaid, without their fees, the newest
   * first. Dates are days.
   */
  const unpaidPage = (page: number, issued: { since?: string; until?: string } = {}) =>
    listPage('invoices', LagoInvoice, page, () =>
      client.invoices.findAllInvoices({
        page,
        per_page: PAGE_SIZE,
        status: 'finalized',
        'payment_statuses[]': ['pending', 'failed'],
        ...(issued.since && { issuing_date_from: issued.since }),
        ...(issued.until && { issuing_date_to: issued.until }),
      } as Parameters<typeof client.invoices.findAllInvoices>[0]),
    )

  /** The invoice of that number, found as Lago's own search box finds it. */
  const findInvoiceByNumber = async (number: string) => {
    const { invoices } = await call(
      `look for invoice ${number}`,
      z.object({ invoices: z.array(LagoInvoice) }),
      () => client.invoices.findAllInvoices({ search_term: number, per_page: PAGE_SIZE }),
    )
    return invoices.find((invoice) => invoice.number === number)
  }

  /** Changes payment status and metadata; metadata replaces all entries that are not named by id. */
  const updateInvoice = (
    lagoInvoiceId: string,
    change: { payment_status?: 'succeeded' | 'failed'; metadata?: LagoMetadataEntry[] },
  ) =>
    call(`update invoice ${lagoInvoiceId}`, z.object({ invoice: LagoInvoice }), () =>
      client.invoices.updateInvoice(encodeURIComponent(lagoInvoiceId), {
        invoice: change,
      }),
    ).then(({ invoice }) => invoice)

  const listPayments = (lagoInvoiceId: string) =>
    listAll('payments', LagoPayment, (page) =>
      client.payments.findAllPayments({
        invoice_id: lagoInvoiceId,
        page,
        per_page: PAGE_SIZE,
      }),
    )

  /** Every payment of every invoice: Lago has no filter by date. */
  const listAllPayments = () =>
    listAll('payments', LagoPaymentRow, (page) =>
      client.payments.findAllPayments({ page, per_page: PAGE_SIZE }),
    )

  /** Records money received. Premium only; neither idempotent nor limited to one per reference. */
  const createPayment = (
    payment: { invoice_id: string; amount_cents: number; reference: string; paid_at: string },
    turn?: Turn,
  ) =>
    call(`record payment ${payment.reference}`, z.object({ payment: LagoPayment }), () =>
      client.payments.createPayment({ payment }, on(turn)),
    ).then((answer) => answer.payment)

  const listCreditNotes = (invoice: { number: string; customer: { external_id: string } }) =>
    listAll('credit_notes', LagoCreditNote, (page) =>
      client.creditNotes.findAllCreditNotes({
        invoice_number: invoice.number,
        external_customer_id: invoice.customer.external_id,
        page,
        per_page: PAGE_SIZE,
      }),
    )

  /** Every credit note of every invoice: Lago has no filter by metadata. */
  const listAllCreditNotes = () =>
    listAll('credit_notes', LagoCreditNoteRow, (page) =>
      client.creditNotes.findAllCreditNotes({ page, per_page: PAGE_SIZE }),
    )

  const estimateCreditNote = (note: {
    invoice_id: string
    items: { fee_id: string; amount_cents: number }[]
  }) =>
    call(
      `estimate a credit note on ${note.invoice_id}`,
      z.object({ estimated_credit_note: LagoEstimate }),
      () => client.creditNotes.estimateCreditNote({ credit_note: note }),
    ).then((answer) => answer.estimated_credit_note)

  const createCreditNote = (note: NewCreditNote, turn?: Turn) =>
    call(`credit invoice ${note.invoice_id}`, z.object({ credit_note: LagoCreditNote }), () =>
      client.creditNotes.createCreditNote({ credit_note: note }, on(turn)),
    ).then((answer) => answer.credit_note)

  /** Says what became of the money; metadata is merged into what the note already has. */
  const setRefundStatus = (
    lagoCreditNoteId: string,
    refundStatus: 'succeeded' | 'failed',
    metadata?: Record<string, string>,
  ) =>
    call(`set the refund status of ${lagoCreditNoteId}`, z.looseObject({}), () =>
      client.creditNotes.updateCreditNote(encodeURIComponent(lagoCreditNoteId), {
        credit_note: { refund_status: refundStatus, ...(metadata && { metadata }) },
      }),
    )

  /** All notes whose refund nobody has answered for yet. */
  const listPendingRefunds = () =>
    listAll('credit_notes', LagoCreditNote, (page) =>
      client.creditNotes.findAllCreditNotes({
        refund_status: 'pending',
        'types[]': ['refund'],
        page,
        per_page: PAGE_SIZE,
      }),
    )

  const findCreditNote = (lagoCreditNoteId: string): Promise<LagoCreditNote | undefined> =>
    orUndefined(
      call(`read credit note ${lagoCreditNoteId}`, z.object({ credit_note: LagoCreditNote }), () =>
        client.creditNotes.findCreditNote(encodeURIComponent(lagoCreditNoteId)),
      ).then((answer) => answer.credit_note),
    )

  /** Marks the invoice's dispute as lost; the first call counts, a repeated one only repeats the event. */
  const loseDispute = (lagoInvoiceId: string) =>
    call(`lose the dispute of ${lagoInvoiceId}`, z.looseObject({}), () =>
      client.invoices.loseDisputeInvoice(encodeURIComponent(lagoInvoiceId)),
    )

  const findPaymentRequest = (
    lagoPaymentRequestId: string,
  ): Promise<LagoPaymentRequest | undefined> =>
    orUndefined(
      call(
        `read payment request ${lagoPaymentRequestId}`,
        z.object({ payment_request: LagoPaymentRequest }),
        () => client.paymentRequests.findPaymentRequest(encodeURIComponent(lagoPaymentRequestId)),
      ).then((answer) => answer.payment_request),
    )

  /** A page, counted from 1, the newest first. They stay pending for ever when paid outside Lago's own providers. */
  const paymentRequestPage = (page: number) =>
    listPage('payment_requests', LagoPaymentRequest, page, () =>
      client.paymentRequests.findAllPaymentRequests({ page, per_page: PAGE_SIZE }),
    )

  /** Through the list, because the route cuts an id at its first dot (lago-api `config/routes.rb`). */
  const findCustomer = async (lagoCustomerId: string): Promise<LagoCustomer | undefined> => {
    const { customers } = await call(
      `look for customer ${lagoCustomerId}`,
      z.object({ customers: z.array(LagoCustomer) }),
      () =>
        client.customers.findAllCustomers({
          external_id: lagoCustomerId,
          per_page: PAGE_SIZE,
        }),
    )
    return customers.find(({ external_id }) => external_id === lagoCustomerId)
  }

  /** A hundred customers, and how many such pages there are. */
  const listCustomers = async (page: number) => {
    const { customers, meta } = await call(
      `list customers, page ${page}`,
      z.object({
        customers: z.array(z.object({ external_id: z.string() })),
        meta: z.object({ total_pages: z.number().nullish() }),
      }),
      () => client.customers.findAllCustomers({ page, per_page: PAGE_SIZE }),
    )
    return {
      lagoCustomerIds: customers.map(({ external_id }) => external_id),
      pages: meta.total_pages ?? 1,
    }
  }

  const findWalletTransaction = (
    lagoWalletTransactionId: string,
  ): Promise<LagoWalletTransaction | undefined> =>
    orUndefined(
      call(
        `read wallet transaction ${lagoWalletTransactionId}`,
        z.object({ wallet_transaction: LagoWalletTransaction }),
        () =>
          client.walletTransactions.findWalletTransaction(
            encodeURIComponent(lagoWalletTransactionId),
          ),
      ).then((answer) => answer.wallet_transaction),
    )

  const findWallet = (lagoWalletId: string): Promise<LagoWallet | undefined> =>
    orUndefined(
      call(`read wallet ${lagoWalletId}`, z.object({ wallet: LagoWallet }), () =>
        client.wallets.findWallet(encodeURIComponent(lagoWalletId)),
      ).then(({ wallet }) => wallet),
    )

  const listWallets = (lagoCustomerId: string) =>
    listAll('wallets', LagoWallet, (page) =>
      client.wallets.findAllWallets({
        external_customer_id: lagoCustomerId,
        page,
        per_page: PAGE_SIZE,
      }),
    )

  /** What was bought for a wallet and is not settled yet. */
  const listPendingTopUps = (lagoWalletId: string) =>
    listAll('wallet_transactions', LagoWalletTransaction, (page) =>
      client.wallets.findAllWalletTransactions(encodeURIComponent(lagoWalletId), {
        status: 'pending',
        transaction_status: 'purchased',
        page,
        per_page: PAGE_SIZE,
      }),
    )

  const getOrganization = () =>
    call(
      'read the organisation',
      z.object({ organization: z.object({ lago_id: z.string(), name: z.string().nullish() }) }),
      () => client.organizations.findOrganization(),
    ).then(({ organization }) => organization)

  const getOrganizationId = () => getOrganization().then(({ lago_id }) => lago_id)

  /** The PEM that signs in JWT mode; Lago serves it as base64 with line breaks. */
  const getWebhookPublicKey = () =>
    call(
      'read the public key of webhooks',
      z.object({ webhook: z.object({ public_key: z.string() }) }),
      () => client.webhooks.fetchJsonPublicKey(),
    ).then(({ webhook }) => Buffer.from(webhook.public_key, 'base64').toString('utf8'))

  return {
    reserve: options.reserve ?? (async () => createTurn('Lago', () => new Date())),
    findInvoice,
    findInvoiceByNumber,
    unpaidPage,
    updateInvoice,
    listPayments,
    listAllPayments,
    createPayment,
    listCreditNotes,
    listAllCreditNotes,
    estimateCreditNote,
    createCreditNote,
    setRefundStatus,
    listPendingRefunds,
    findCreditNote,
    loseDispute,
    findPaymentRequest,
    paymentRequestPage,
    findCustomer,
    listCustomers,
    findWalletTransaction,
    findWallet,
    listWallets,
    listPendingTopUps,
    getOrganization,
    getOrganizationId,
    getWebhookPublicKey,
  }
}

/** The client passes this on to the fetch that it was given. */
const on = (turn: Turn | undefined) => ({ turn }) as RequestInit

async function listAll<Item extends z.ZodType>(
  name: string,
  item: Item,
  fetchPage: (page: number) => Promise<{ data: unknown }>,
): Promise<z.infer<Item>[]> {
  const all: z.infer<Item>[] = []
  for (let page = 1; page <= MAX_PAGES; page += 1) {
    const { rows, isLast } = await listPage(name, item, page, () => fetchPage(page))
    all.push(...rows)
    if (isLast) break
  }
  return all
}

async function listPage<Item extends z.ZodType>(
  name: string,
  item: Item,
  page: number,
  fetchPage: () => Promise<{ data: unknown }>,
): Promise<{ rows: z.infer<Item>[]; isLast: boolean }> {
  const shape = PageMeta.and(z.object({ [name]: z.array(item) }))
  const answer = await call(`list ${name}, page ${page}`, shape, fetchPage)
  const rows = answer[name] as z.infer<Item>[]
  // Lago's counts are cached and only a hint: an empty page ends the list as well.
  return { rows, isLast: rows.length === 0 || !answer.meta.next_page }
}

async function call<Shape extends z.ZodType>(
  what: string,
  shape: Shape,
  request: () => Promise<{ data: unknown }>,
): Promise<z.infer<Shape>> {
  const { data } = await request().catch((thrown: unknown) => {
    throw asApiError(what, thrown)
  })
  const parsed = shape.safeParse(data)
  if (parsed.success) return parsed.data
  const detail = `an answer nobody can read: ${z.prettifyError(parsed.error)}`
  throw new ApiError({ service: 'Lago', call: what, outcome: 'unknown', status: 200, detail })
}

async function orUndefined<Value>(found: Promise<Value>): Promise<Value | undefined> {
  try {
    return await found
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return undefined
    throw error
  }
}

const ErrorBody = z.object({
  code: z.string().optional(),
  error: z.string().optional(),
  error_details: z.unknown().optional(),
})

/** The client throws the `Response` itself, with the parsed body as `error`. */
function asApiError(what: string, thrown: unknown): unknown {
  if (thrown instanceof ApiError || thrown instanceof Later) return thrown
  if (!(thrown instanceof Response)) {
    return new ApiError({ service: 'Lago', call: what, outcome: 'unknown', cause: thrown })
  }
  const body = ErrorBody.catch({}).parse((thrown as Response & { error?: unknown }).error)
  const detail = body.error_details === undefined ? body.error : JSON.stringify(body.error_details)
  return new ApiError({
    service: 'Lago',
    call: what,
    outcome: thrown.status === 408 ? 'unknown' : 'refused',
    status: thrown.status,
    code: body.code,
    detail,
  })
}
