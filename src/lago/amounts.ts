/** The figures of an invoice as a Lago of whatever release shows them. */
type ShownAmounts = {
  status: string
  payment_status: string
  total_amount_cents: number
  total_paid_amount_cents?: number | null | undefined
  total_due_amount_cents?: number | null | undefined
}

/** Whether what was paid and is due cannot be told without the payments that Lago keeps of the invoice. */
export const needsPayments = ({
  status,
  total_paid_amount_cents: paid,
  total_due_amount_cents: due,
}: ShownAmounts) => !isGiven(paid) && (status === 'voided' || !isGiven(due))

/**
 * What was paid and what is due, where a release does not say: due since 1.22, paid since 1.41. What is missing is
 * derived and never taken for nothing. `recorded` is what Lago keeps of payments, undefined where it keeps none.
 */
export function deriveAmounts(shown: ShownAmounts, recorded: number | undefined) {
  const { total_amount_cents: total, total_paid_amount_cents: paid } = shown
  const { total_due_amount_cents: due } = shown
  // A void invoice asks for nothing, whatever a release before 1.40 shows as due.
  if (shown.status === 'voided') return { paid: paid ?? recorded ?? paidByStatus(shown), due: 0 }
  if (isGiven(paid)) return { paid, due: due ?? total - paid }
  if (isGiven(due)) return { paid: total - due, due }
  const isPaid = shown.payment_status === 'succeeded'
  const known = recorded ?? paidByStatus(shown)
  return { paid: known, due: isPaid ? 0 : total - known }
}

/** Where no payments are kept an invoice is paid in whole or not at all. */
const paidByStatus = ({ payment_status, total_amount_cents }: ShownAmounts) =>
  payment_status === 'succeeded' ? total_amount_cents : 0

const isGiven = (amount: number | null | undefined): amount is number =>
  amount !== undefined && amount !== null
