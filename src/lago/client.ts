import { Client } from 'lago-javascript-client'
import type { Logger } from 'pino'
import { z } from 'zod'

import { ApiError } from '../errors.ts'
import { isId } from '../ids.ts'
import { createUnreadableRows, type UnreadableRows } from '../unreadable-rows.ts'
import { createTurn, type Reserve, type Turn } from '../turn.ts'
import { deriveAmounts, needsPayments } from './amounts.ts'
import {
  call,
  isMissing,
  keepTexts,
  listAll,
  MAX_PAGES,
  orUndefined,
  PAGE_SIZE,
  readPage,
  readRows,
} from './call.ts'
import { noteRead } from './just-read.ts'
import {
  LagoBrand,
  LagoCreditNote,
  LagoCreditNoteRow,
  LagoCustomer,
  LagoEstimate,
  LagoPayment,
  LagoPaymentRequest,
  LagoPaymentRow,
  LagoWallet,
  LagoWalletTransaction,
  ShownInvoice,
  type LagoInvoice,
} from './objects.ts'
import {
  createLagoRelease,
  readLagoVersion,
  type LagoFunctionName,
  type LagoRelease,
} from './release.ts'

/** Before search had filters, what is looked for may be anywhere in a list: so many pages of it are read. */
const MAX_SEARCH_PAGES = 200

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

/** An entry of a customer's metadata as it is written; one without an id is new. */
export type CustomerMetadata = {
  id?: string
  key: string
  value: string
  display_in_invoice: boolean
}

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
  /** Shared by clients of the same Lago; by default each finds out for itself. */
  release?: LagoRelease
  unreadable?: UnreadableRows
  log?: Pick<Logger, 'warn'>
}) {
  const client = Client(options.apiKey, {
    baseUrl: `${options.url}/api/v1`,
    customFetch: keepTexts(options.fetch),
  })
  const release = options.release ?? createLagoRelease(() => readLagoVersion(options))
  const unreadable = options.unreadable ?? createUnreadableRows('Lago', options.log)
  const { skip } = unreadable
  const can = (name: LagoFunctionName) => release.can(name)

  /** A list where nothing is there that this Lago does not know yet, and remembers that it does not. */
  async function ifThere<Row>(name: LagoFunctionName, list: () => Promise<Row[]>): Promise<Row[]> {
    await release.known()
    if (!can(name)) return []
    try {
      return await list()
    } catch (error) {
      if (!isMissing(error)) throw error
      release.showLacking(name)
      if (can(name)) throw error
      return []
    }
  }

  /** What a release does not say is made up for by what it keeps of payments. */
  async function withAmounts(shown: ShownInvoice): Promise<LagoInvoice> {
    const { lago_id } = shown
    const kept = needsPayments(shown) ? await listPayments(lago_id) : []
    return completed(shown, can('payments') ? sumOf(kept) : undefined)
  }

  /** The same for many at once. */
  async function allWithAmounts(shown: ShownInvoice[]): Promise<LagoInvoice[]> {
    const kept = shown.some(needsPayments) ? await listAllPayments() : []
    const keptOf = Map.groupBy(kept, ({ invoice_ids }) => invoice_ids[0] ?? '')
    return shown.map((one) =>
      completed(one, can('payments') ? sumOf(keptOf.get(one.lago_id) ?? []) : undefined),
    )
  }

  /** The invoice, or undefined when this organisation has none by that id (or it is not visible yet). */
  const findInvoice = async (lagoInvoiceId: string): Promise<LagoInvoice | undefined> => {
    if (!isId(lagoInvoiceId)) return undefined
    const answer = await orUndefined(
      call(`read invoice ${lagoInvoiceId}`, z.object({ invoice: ShownInvoice }), () =>
        client.invoices.findInvoice(encodeURIComponent(lagoInvoiceId)),
      ),
    )
    return answer && noteRead(await withAmounts(answer.invoice))
  }

  const pageOfInvoices = (page: number, filter: object) =>
    readRows(
      'invoices',
      ShownInvoice,
      () =>
        client.invoices.findAllInvoices({
          page,
          per_page: PAGE_SIZE,
          status: 'finalized',
          ...filter,
        } as Parameters<typeof client.invoices.findAllInvoices>[0]),
      skip,
    )

  /**
   * All finalised invoices that Lago holds for unpaid, without their fees. An older Lago ignores the filter by
   * several statuses and would list every invoice that there is, so it is asked for one at a time.
   */
  const listUnpaidInvoices = async ({ maxPages = MAX_PAGES }: { maxPages?: number } = {}) => {
    const listed = new Map<string, LagoInvoice>()
    for (let page = 1; page <= maxPages; page += 1) {
      const { rows, isLast } = await unpaidPage(page)
      for (const one of rows) listed.set(one.lago_id, one)
      if (isLast) break
    }
    return [...listed.values()]
  }

  /** A page of them, counted from 1, the newest first. Dates are days. */
  const unpaidPage = async (page: number, issued: { since?: string; until?: string } = {}) => {
    await release.known()
    const isOne = release.number() !== undefined && can('payment_status_lists')
    const filters = isOne
      ? [{ 'payment_statuses[]': ['pending', 'failed'] }]
      : [{ payment_status: 'pending' }, { payment_status: 'failed' }]
    const pages = []
    for (const filter of filters)
      pages.push(await pageOfInvoices(page, { ...filter, ...datesOf(issued) }))
    const shown = pages
      .flatMap(({ rows }) => rows)
      .filter((one) => one.status === 'finalized' && one.payment_status !== 'succeeded')
    return { rows: await allWithAmounts(shown), isLast: pages.every(({ isLast }) => isLast) }
  }

  /** A page of the invoices that were made void, counted from 1, the newest first. Every release knows that filter. */
  const voidedPage = async (page: number) => {
    const { rows, isLast } = await pageOfInvoices(page, { status: 'voided' })
    const ids = rows.filter(({ status }) => status === 'voided').map(({ lago_id }) => lago_id)
    return { ids, isLast }
  }

  /** The invoice of that number, found as Lago's own search box finds it. */
  const findInvoiceByNumber = async (number: string): Promise<LagoInvoice | undefined> => {
    const what = `look for invoice ${number}`
    const found = await search(
      'invoices',
      (page) => client.invoices.findAllInvoices({ search_term: number, page, per_page: PAGE_SIZE }),
      (row) => row['number'] === number,
    )
    return found === undefined
      ? undefined
      : withAmounts(await call(what, ShownInvoice, async () => ({ data: found })))
  }

  /** Changes payment status and metadata; metadata replaces all entries that are not named by id. */
  const updateInvoice = async (
    lagoInvoiceId: string,
    change: { payment_status?: 'succeeded' | 'failed'; metadata?: LagoMetadataEntry[] },
  ) => {
    const what = `update invoice ${lagoInvoiceId}`
    const { invoice } = await call(
      what,
      z.object({ invoice: ShownInvoice }),
      () => client.invoices.updateInvoice(pathPart(lagoInvoiceId), { invoice: change }),
      'write',
    )
    return noteRead(await withAmounts(invoice))
  }

  /**
   * Where its PDF lies, for some minutes; undefined where Lago has begun to make it, which it answers with nothing
   * (lago-api `app/controllers/api/v1/invoices_controller.rb`, download_pdf).
   */
  const findInvoiceFile = async (lagoInvoiceId: string): Promise<string | undefined> => {
    const answer = await call(`download invoice ${lagoInvoiceId}`, z.unknown(), () =>
      client.invoices.downloadInvoice(pathPart(lagoInvoiceId)),
    )
    const url = InvoiceFile.safeParse(answer).data?.invoice.file_url
    return url && /^https?:$/.test(URL.parse(url)?.protocol ?? '') ? url : undefined
  }

  /** What Lago keeps of an invoice's payments; before 1.19 nothing. */
  const listPayments = (lagoInvoiceId: string): Promise<LagoPayment[]> =>
    ifThere('payments', () =>
      listAll('payments', LagoPayment, (page) =>
        client.payments.findAllPayments({
          invoice_id: lagoInvoiceId,
          page,
          per_page: PAGE_SIZE,
        }),
      ),
    )

  /** Every payment of every invoice: Lago has no filter by date. */
  const listAllPayments = ({ maxPages }: { maxPages?: number } = {}): Promise<LagoPaymentRow[]> =>
    ifThere('payments', () =>
      listAll(
        'payments',
        LagoPaymentRow,
        (page) => client.payments.findAllPayments({ page, per_page: PAGE_SIZE }),
        { skip, ...(maxPages && { maxPages }) },
      ),
    )

  /** How many payments Lago keeps, as far as it says. */
  const countPayments = async (): Promise<number | undefined> => {
    const [counted] = await ifThere('payments', async () => [
      await readPage('payments', () => client.payments.findAllPayments({ page: 1, per_page: 1 })),
    ])
    return counted?.count
  }

  /** Records money received. Premium only; neither idempotent nor limited to one per reference. */
  const createPayment = (
    payment: { invoice_id: string; amount_cents: number; reference: string; paid_at: string },
    turn?: Turn,
  ) =>
    call(
      `record payment ${payment.reference}`,
      z.object({ payment: LagoPayment }),
      () => client.payments.createPayment({ payment }, on(turn)),
      'write',
    ).then((answer) => answer.payment)

  /**
   * From 1.19 to 1.21 a payment that completes an invoice settles no top-up and leaves it overdue, until its status
   * is written as well (no second event). Elsewhere nothing is done. It may be repeated.
   */
  const completePayment = async (lagoInvoiceId: string): Promise<void> => {
    await release.known()
    if (can('completing_payment') || !can('payments')) return
    const invoice = await findInvoice(lagoInvoiceId)
    if (invoice?.payment_status === 'succeeded')
      await updateInvoice(lagoInvoiceId, { payment_status: 'succeeded' })
  }

  /** The notes of this invoice and no others: an older Lago ignores the filter by number, and numbers repeat. */
  const listCreditNotes = async (invoice: {
    lago_id: string
    number: string
    customer: { external_id: string }
  }) => {
    const listed = await listAll('credit_notes', LagoCreditNote, (page) =>
      client.creditNotes.findAllCreditNotes({
        invoice_number: invoice.number,
        external_customer_id: invoice.customer.external_id,
        page,
        per_page: PAGE_SIZE,
      }),
    )
    return listed.filter(({ lago_invoice_id }) => lago_invoice_id === invoice.lago_id)
  }

  /** Every credit note of every invoice: Lago has no filter by metadata. */
  const listAllCreditNotes = () =>
    listAll(
      'credit_notes',
      LagoCreditNoteRow,
      (page) => client.creditNotes.findAllCreditNotes({ page, per_page: PAGE_SIZE }),
      { skip },
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
    call(
      `credit invoice ${note.invoice_id}`,
      z.object({ credit_note: LagoCreditNote }),
      () => client.creditNotes.createCreditNote({ credit_note: note }, on(turn)),
      'write',
    ).then(({ credit_note }) => {
      if (!credit_note.metadata) release.showLacking('credit_note_metadata')
      return credit_note
    })

  /** Says what became of the money; metadata is merged into what the note already has. */
  const setRefundStatus = (
    lagoCreditNoteId: string,
    refundStatus: 'succeeded' | 'failed',
    metadata?: Record<string, string>,
  ) =>
    call(
      `set the refund status of ${lagoCreditNoteId}`,
      z.unknown(),
      () =>
        client.creditNotes.updateCreditNote(pathPart(lagoCreditNoteId), {
          credit_note: { refund_status: refundStatus, ...(metadata && { metadata }) },
        }),
      'write',
    )

  /** All notes whose refund nobody has answered for yet. */
  const listPendingRefunds = async () => {
    const listed = await listAll(
      'credit_notes',
      LagoCreditNote,
      (page) =>
        client.creditNotes.findAllCreditNotes({
          refund_status: 'pending',
          'types[]': ['refund'],
          page,
          per_page: PAGE_SIZE,
        }),
      { skip },
    )
    return listed.filter(
      ({ refund_status, refund_amount_cents }) =>
        refund_status === 'pending' && refund_amount_cents > 0,
    )
  }

  const findCreditNote = async (lagoCreditNoteId: string): Promise<LagoCreditNote | undefined> => {
    if (!isId(lagoCreditNoteId)) return undefined
    const what = `read credit note ${lagoCreditNoteId}`
    const answer = await orUndefined(
      call(what, z.object({ credit_note: LagoCreditNote }), () =>
        client.creditNotes.findCreditNote(encodeURIComponent(lagoCreditNoteId)),
      ),
    )
    return answer?.credit_note
  }

  /** Marks the invoice's dispute as lost; the first call counts, a repeated one only repeats the event. */
  const loseDispute = (lagoInvoiceId: string) =>
    call(
      `lose the dispute of ${lagoInvoiceId}`,
      z.unknown(),
      () => client.invoices.loseDisputeInvoice(pathPart(lagoInvoiceId)),
      'write',
    )

  /** By its id, or from the list where a Lago before 1.32.1 has no other way. */
  const findPaymentRequest = async (id: string): Promise<LagoPaymentRequest | undefined> => {
    if (!isId(id)) return undefined
    await release.known()
    const what = `read payment request ${id}`
    if (can('payment_request_by_id')) {
      const answer = await orUndefined(
        call(what, z.object({ payment_request: LagoPaymentRequest }), () =>
          client.paymentRequests.findPaymentRequest(encodeURIComponent(id)),
        ),
      )
      if (answer ?? release.number()) return answer?.payment_request
    }
    const [found] = await ifThere('payment_requests', async () => [
      await search(
        'payment_requests',
        (page) => client.paymentRequests.findAllPaymentRequests({ page, per_page: PAGE_SIZE }),
        (row) => row['lago_id'] === id,
      ),
    ])
    return found === undefined
      ? undefined
      : call(what, LagoPaymentRequest, async () => ({ data: found }))
  }

  /** A page, counted from 1, the newest first. They stay pending for ever when paid outside Lago's own providers. */
  const paymentRequestPage = async (page: number) => {
    const [found] = await ifThere('payment_requests', async () => [
      await readRows(
        'payment_requests',
        LagoPaymentRequest,
        () => client.paymentRequests.findAllPaymentRequests({ page, per_page: PAGE_SIZE }),
        skip,
      ),
    ])
    return found ?? { rows: [], isLast: true }
  }

  /**
   * By its path, which every release has; the route cuts an id at a dot and lets no slash through (lago-api
   * `config/routes.rb`), so such ids are looked for in the list, as exactly as the release allows.
   */
  const findCustomer = async (lagoCustomerId: string): Promise<LagoCustomer | undefined> => {
    if (lagoCustomerId.trim() === '') return undefined
    const what = `look for customer ${lagoCustomerId}`
    if (!/[./\\]/.test(lagoCustomerId)) {
      const answer = await orUndefined(
        call(what, z.object({ customer: LagoCustomer }), () =>
          client.customers.findCustomer(encodeURIComponent(lagoCustomerId)),
        ),
      )
      return answer?.customer.external_id === lagoCustomerId ? answer.customer : undefined
    }
    await release.known()
    const isSearched = can('customer_search') && !can('customer_filter')
    const filter = isSearched ? { search_term: lagoCustomerId } : { external_id: lagoCustomerId }
    const found = await search(
      'customers',
      (page) => client.customers.findAllCustomers({ ...filter, page, per_page: PAGE_SIZE }),
      (row) => row['external_id'] === lagoCustomerId,
    )
    return found === undefined ? undefined : call(what, LagoCustomer, async () => ({ data: found }))
  }

  /** Replaces all metadata of a customer; of what is not sent nothing is left (lago-api `svc/customers/metadata`). */
  const writeCustomerMetadata = async (
    lagoCustomerId: string,
    entries: readonly CustomerMetadata[],
  ): Promise<void> => {
    await call(
      `write metadata of customer ${lagoCustomerId}`,
      z.object({ customer: z.object({ external_id: z.string() }) }),
      () =>
        client.customers.createCustomer({
          customer: { external_id: lagoCustomerId, metadata: [...entries] },
        }),
    )
  }

  /** A hundred customers, and how many such pages there are. */
  const listCustomers = async (page: number) => {
    const { customers, meta } = await call(
      `list customers, page ${page}`,
      z.object({
        customers: z.array(z.object({ external_id: z.string().nullish() })),
        meta: z.object({ total_pages: z.number().nullish() }),
      }),
      () => client.customers.findAllCustomers({ page, per_page: PAGE_SIZE }),
    )
    return {
      lagoCustomerIds: customers.flatMap(({ external_id }) => external_id ?? []),
      pages: meta.total_pages ?? 1,
    }
  }

  const findWalletTransaction = async (
    lagoWalletTransactionId: string,
  ): Promise<LagoWalletTransaction | undefined> => {
    if (!isId(lagoWalletTransactionId)) return undefined
    await release.known()
    if (!can('wallet_transaction_by_id')) return undefined
    const what = `read wallet transaction ${lagoWalletTransactionId}`
    const answer = await orUndefined(
      call(what, z.object({ wallet_transaction: LagoWalletTransaction }), () =>
        client.walletTransactions.findWalletTransaction(
          encodeURIComponent(lagoWalletTransactionId),
        ),
      ),
    )
    if (answer?.wallet_transaction.namesInvoice === false) release.showLacking('top_up_invoices')
    return answer?.wallet_transaction
  }

  const findWallet = async (lagoWalletId: string): Promise<LagoWallet | undefined> => {
    if (!isId(lagoWalletId)) return undefined
    const answer = await orUndefined(
      call(`read wallet ${lagoWalletId}`, z.object({ wallet: LagoWallet }), () =>
        client.wallets.findWallet(encodeURIComponent(lagoWalletId)),
      ),
    )
    return answer?.wallet
  }

  const listWallets = async (lagoCustomerId: string) => {
    const listed = await listAll(
      'wallets',
      LagoWallet,
      (page) =>
        client.wallets.findAllWallets({
          external_customer_id: lagoCustomerId,
          page,
          per_page: PAGE_SIZE,
        }),
      { skip },
    )
    return listed.filter(({ external_customer_id }) => external_customer_id === lagoCustomerId)
  }

  /** What was bought for a wallet and is not settled yet; nothing where Lago never says which invoice it has. */
  const listPendingTopUps = async (lagoWalletId: string): Promise<LagoWalletTransaction[]> => {
    await release.known()
    if (!can('top_up_invoices') || !isId(lagoWalletId)) return []
    const listed = await listAll(
      'wallet_transactions',
      LagoWalletTransaction,
      (page) =>
        client.wallets.findAllWalletTransactions(encodeURIComponent(lagoWalletId), {
          status: 'pending',
          transaction_status: 'purchased',
          page,
          per_page: PAGE_SIZE,
        }),
      { skip },
    )
    if (listed.some(({ namesInvoice }) => !namesInvoice)) {
      release.showLacking('top_up_invoices')
      return []
    }
    return listed.filter(
      ({ status, transaction_status }) =>
        status === 'pending' && transaction_status === 'purchased',
    )
  }

  const getOrganization = () =>
    call(
      'read the organisation',
      z.object({ organization: z.object({ lago_id: z.string(), name: z.string().nullish() }) }),
      () => client.organizations.findOrganization(),
    ).then(({ organization }) => organization)

  /**
   * Who sends invoices, as customers know them: a billing entity, or the organisation where this Lago has none of that
   * code (lago-api `ser/billing_entity_serializer.rb`, `ser/organization_serializer.rb`).
   */
  const findBrand = async (entityCode?: string): Promise<LagoBrand> => {
    const entity =
      entityCode === undefined
        ? undefined
        : await orUndefined(
            call('read the billing entity', z.object({ billing_entity: LagoBrand }), () =>
              client.billingEntities.getBillingEntity(pathPart(entityCode)),
            ),
          )
    if (entity) return entity.billing_entity
    const { organization } = await call(
      'read the organisation',
      z.object({ organization: LagoBrand }),
      () => client.organizations.findOrganization(),
    )
    return organization
  }

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
    release,
    can,
    unreadable,
    findInvoice,
    findInvoiceByNumber,
    findInvoiceFile,
    unpaidPage,
    voidedPage,
    listUnpaidInvoices,
    updateInvoice,
    listPayments,
    listAllPayments,
    countPayments,
    createPayment,
    completePayment,
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
    writeCustomerMetadata,
    listCustomers,
    findWalletTransaction,
    findWallet,
    listWallets,
    listPendingTopUps,
    getOrganization,
    getOrganizationId,
    findBrand,
    getWebhookPublicKey,
  }
}

const InvoiceFile = z.object({ invoice: z.object({ file_url: z.string() }) })

const datesOf = ({ since, until }: { since?: string; until?: string }) => ({
  ...(since && { issuing_date_from: since }),
  ...(until && { issuing_date_to: until }),
})

/** The client passes this on to the fetch that it was given. */
const on = (turn: Turn | undefined) => ({ turn }) as RequestInit

/** An id for a path; what can be none is not there, as Lago would say if it were asked. */
function pathPart(id: string): string {
  if (isId(id)) return encodeURIComponent(id)
  throw new ApiError({
    service: 'Lago',
    call: 'reach what has no id',
    outcome: 'refused',
    status: 404,
  })
}

/** The first row of a list that is the one, unread, wherever in the list it is. */
async function search(
  name: string,
  fetchPage: (page: number) => Promise<{ data: unknown }>,
  isIt: (row: Record<string, unknown>) => boolean,
): Promise<unknown> {
  for (let page = 1; page <= MAX_SEARCH_PAGES; page += 1) {
    const { rows, isLast } = await readPage(name, () => fetchPage(page))
    const found = rows.find(
      (row) => typeof row === 'object' && row !== null && isIt(row as Record<string, unknown>),
    )
    if (found !== undefined || isLast) return found
  }
  return undefined
}

/** Payments of Lago's own providers are listed as well, whatever became of them. */
const sumOf = (payments: readonly LagoPayment[]) =>
  payments
    .filter(({ payment_status }) => (payment_status ?? 'succeeded') === 'succeeded')
    .reduce((sum, { amount_cents }) => sum + amount_cents, 0)

function completed(shown: ShownInvoice, recorded: number | undefined): LagoInvoice {
  const { paid, due } = deriveAmounts(shown, recorded)
  return { ...shown, total_paid_amount_cents: paid, total_due_amount_cents: due }
}
