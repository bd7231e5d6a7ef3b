import type { SandboxDodo } from '../sandbox/dodo/dodo.ts'
import type { SandboxLago } from '../sandbox/lago/lago.ts'

/** Both services' books, as they are and not as an API shows them. */
export type Books = {
  lago: Pick<SandboxLago, 'store' | 'organizationId' | 'isPremium'>
  dodo: Pick<SandboxDodo, 'store'>
}

/** A rule that was broken, and the story of it: which invoice, payment, refund. */
export type Violation = { rule: string; story: string }

export type DodoPayment =
  SandboxDodo['store']['payments'] extends Map<string, infer One> ? One : never
type Invoice = SandboxLago['store']['invoices'] extends Map<string, infer One> ? One : never

/** What stands under a key of Dodo's metadata, as a text. */
export const textOf = (value: unknown) =>
  typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
    ? String(value)
    : ''

/** A reference of Dodo's; what merchants record by hand carries another one. */
const isDodoReference = (reference: string) => reference.startsWith('pay_')

/** What Lago holds as paid under a reference of Dodo's. */
export const recordedOf = ({ lago }: Books) =>
  lago.store.payments.filter(({ reference }) => isDodoReference(reference))

/** The refunds of a payment that Dodo made or may still make. */
export const aliveRefundsOf = ({ dodo }: Books, dodoPaymentId: string) =>
  [...dodo.store.refunds.values()].filter(
    (one) => one.payment_id === dodoPaymentId && one.status !== 'failed',
  )

export const sumOf = (amounts: readonly (number | null | undefined)[]) =>
  amounts.reduce<number>((total, one) => total + (one ?? 0), 0)

/** The invoices that a payment says it is for: one, or those of a payment request. */
export function invoicesOf(
  { lago }: Books,
  { metadata }: Pick<DodoPayment, 'metadata'>,
): Invoice[] {
  const requestId = textOf(metadata['lago_payment_request_id'])
  const request = lago.store.paymentRequests.find(({ lago_id }) => lago_id === requestId)
  if (request) return [...request.invoices]
  // Which ones a customer chose to pay together neither service knows: each of theirs may be one.
  if (metadata['bridge_selection_id'] !== undefined)
    return [...lago.store.invoices.values()].filter(
      ({ customer }) => customer.external_id === metadata['lago_customer_id'],
    )
  const invoice = lago.store.invoices.get(textOf(metadata['lago_invoice_id']))
  return invoice ? [invoice] : []
}

/** What was paid through an attempt that a bridge of this organisation opened. */
export function ownMoney({ lago, dodo }: Books): DodoPayment[] {
  return [...dodo.store.payments.values()].filter(({ status, total_amount, metadata }) => {
    const owner = metadata['lago_organization_id'] ?? lago.organizationId
    return (
      status === 'succeeded' &&
      total_amount > 0 &&
      textOf(metadata['bridge_attempt']) !== '' &&
      owner === lago.organizationId
    )
  })
}

/** The refunds that a credit note names as the money it stands for. */
export const refundsNamedBy = (note: {
  metadata: Record<string, string | null> | undefined
  description: string | null
}): string[] => {
  const named =
    note.metadata?.['dodo_refund_id'] ??
    /^Refund (ref_\S+) in Dodo Payments$/.exec(note.description ?? '')?.[1]
  return named ? named.split(',') : []
}
