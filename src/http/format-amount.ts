import { formatBooks } from '../collect/money.ts'

/** An amount as people write it: with the currency's own sign and as many digits as its minor units have. */
export function formatForPeople({
  amountDue,
  currency,
}: {
  amountDue: number
  currency: string | null
}): string | undefined {
  if (!currency || amountDue <= 0) return undefined
  const plain = formatBooks(amountDue, currency)
  const [major = ''] = plain.split(' ')
  // Intl throws for what is not even the form of a currency.
  if (!/^[A-Z]{3}$/.test(currency)) return plain
  const digits = major.split('.')[1]?.length ?? 0
  const format = new Intl.NumberFormat('en', {
    style: 'currency',
    currency,
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  })
  return format.format(Number(major))
}
