import type { ReasonCode, Standing } from '../../../collect/receivable.ts'
import type { Invoice, InvoicePolicy } from './invoice.ts'
import {
  formatDodo,
  formatBooks,
  isSupportedCurrency,
  minimumDodoMinor,
  toDodoMinor,
} from '../../../collect/money.ts'

const DAY_MS = 24 * 3_600_000

const attention = (code: ReasonCode, reason: string): Standing => ({
  state: 'attention',
  reason,
  code,
})

type Since = Pick<InvoicePolicy, 'collectSince'>

/** Why no money may be asked for on this invoice; undefined when it is to be collected. */
export function whyNotCollected(invoice: Invoice, policy: Since): Standing | undefined {
  return whyNotAsked(invoice, policy) ?? whyImpossible(invoice)
}

/** The same, but for what a payment request may mend: an amount too small to be collected alone. */
export function whyNotAsked(invoice: Invoice, policy: Since): Standing | undefined {
  return whyNothingIsOwed(invoice) ?? whyNotOurs(invoice) ?? whyTooOld(invoice, policy)
}

/** Lago names only the day, so what was issued on the day itself is collected. */
export function whyTooOld(
  { issuedOn }: Pick<Invoice, 'issuedOn'>,
  { collectSince }: Since,
): Standing | undefined {
  if (!collectSince || issuedOn === null) return undefined
  const endOfDay = Date.parse(issuedOn) + DAY_MS
  if (Number.isNaN(endOfDay) || endOfDay > collectSince.at.getTime()) return undefined
  const since = collectSince.at.toISOString()
  const reason = collectSince.isByInstallation
    ? 'older than this installation'
    : `issued before COLLECT_SINCE (${since})`
  return { state: 'skipped', reason }
}

function whyNothingIsOwed({ status, paymentStatus, type, due }: Invoice): Standing | undefined {
  if (status === 'voided') return { state: 'void', reason: 'the invoice is void in Lago' }
  // A top-up that Lago shows to nobody until it is paid is `open`, and due.
  if (status !== 'finalized' && status !== 'open') {
    return { state: 'skipped', reason: `Lago has not finalised the invoice: it is ${status}` }
  }
  // Also when an amount is due: a free Lago never writes what was paid.
  if (paymentStatus === 'succeeded') return { state: 'paid', reason: 'paid in Lago' }
  if (type === 'advance_charges') {
    return { state: 'skipped', reason: 'its fees were already paid in advance' }
  }
  return due > 0 ? undefined : { state: 'skipped', reason: 'nothing is due' }
}

function whyNotOurs({ isSelfBilled, nativeProvider }: Invoice): Standing | undefined {
  if (isSelfBilled) {
    return { state: 'skipped', reason: 'self-billed: the merchant owes this to the partner' }
  }
  if (!nativeProvider) return undefined
  return { state: 'skipped', reason: `Lago itself collects it through ${nativeProvider}` }
}

function whyImpossible({ currency, due }: Invoice): Standing | undefined {
  if (!isSupportedCurrency(currency)) {
    return attention(
      'currency_unknown',
      `${currency} cannot be collected: how both services count it is not known`,
    )
  }
  const least = minimumDodoMinor(currency)
  if (toDodoMinor(due, currency) < least) {
    const amounts = `${formatBooks(due, currency)} is less than the ${formatDodo(least, currency)}`
    return attention(
      'below_minimum',
      `${amounts} that Dodo collects at least: collect it by hand, or void it`,
    )
  }
  return undefined
}
