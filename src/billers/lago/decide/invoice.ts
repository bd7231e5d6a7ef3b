import type { Credit, CreditNote, Ledger, Policy } from '../../../collect/ledger.ts'

/** An entry of a Lago invoice's metadata; `id` is Lago's, and absent on one that is yet to be made. */
export type MetadataEntry = { id?: string; key: string; value: string }

/** An invoice of Lago, as far as a decision depends on it. Amounts are Lago's minor units. */
export type Invoice = {
  type: string
  status: string
  paymentStatus: string
  isSelfBilled: boolean
  /** The day on which Lago issued it; null of what has none. */
  issuedOn: string | null
  /** The payment provider that Lago itself charges this customer through, if any. */
  nativeProvider: string | null
  currency: string
  total: number
  paid: number
  due: number
  customer: { email: string | null; country: string | null }
  metadata: readonly MetadataEntry[]
  /** Lago was told that a dispute about it was lost. */
  isDisputeLost: boolean
}

/** The ledger of an invoice, with what only Lago's books have. */
export type InvoiceLedger = Ledger & {
  /** The link leads nowhere that we know of, and is not to be written down. */
  isPayUrlGuessed?: boolean
  /** Lago refused our metadata for a reason of its own; collecting goes on without. */
  metadataRefusal: string | null
  /** When the invoice's credit notes were last looked through for what a person mended. */
  notesLookedAt: Date | null
  credits: readonly Credit[]
  creditNotes: readonly CreditNote[]
}

/** Only what was issued from then on is collected: so says the operator, or the installation itself. */
export type CollectSince = { at: Date; isByInstallation: boolean }

export type InvoicePolicy = Policy & {
  /** Lago is known to have no premium licence. */
  isFreeLicense: boolean
  /** What Lago issued before is not collected; null when all is. */
  collectSince: CollectSince | null
}
