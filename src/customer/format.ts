import { formatBooks, formatDodo } from '../collect/money.ts'

/** An amount in minor units of the books, as people of a place write it; undefined where nothing is due. */
export function writeDue(
  { amountDue, currency }: { amountDue: number; currency: string | null },
  locale: string,
): string | undefined {
  return currency && amountDue > 0 ? writeBooks(amountDue, currency, locale) : undefined
}

/** With the currency's own sign, and as many digits as its minor units have. */
export const writeBooks = (amount: number, currency: string, locale: string) =>
  write(formatBooks(amount, currency), currency, locale)

/** The same for Dodo's minor units. */
export const writeDodo = (amount: number, currency: string, locale: string) =>
  write(formatDodo(amount, currency), currency, locale)

function write(plain: string, currency: string, locale: string): string {
  const [major = ''] = plain.split(' ')
  // Intl throws for what is not even the form of a currency.
  if (!/^[A-Z]{3}$/.test(currency)) return plain
  return moneyFormat(currency, major.split('.')[1]?.length ?? 0, locale).format(Number(major))
}

const moneyFormat = (currency: string, digits: number, locale: string) =>
  new Intl.NumberFormat(locale, {
    style: 'currency',
    currency,
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  })

/** A day, like `2026-12-17`, which is the same everywhere. */
export const writeDay = (day: string, locale: string) =>
  new Intl.DateTimeFormat(locale, { dateStyle: 'medium', timeZone: 'UTC' }).format(new Date(day))

/** A month, like `2032-06`, in words. */
export const writeMonth = (month: string, locale: string) =>
  new Intl.DateTimeFormat(locale, { month: 'long', year: 'numeric', timeZone: 'UTC' }).format(
    new Date(`${month}-01`),
  )

/** A month, like `2032-06`, as it stands on a card. */
export const writeEnd = (month: string) => `${month.slice(5)}/${month.slice(2, 4)}`

/** The day of a moment, where somebody is. */
export const writeDate = (at: Date, locale: string, timezone: string | null) =>
  new Intl.DateTimeFormat(locale, { dateStyle: 'medium', timeZone: placeOf(timezone) }).format(at)

/** What day it is where somebody is, like `2026-12-17`. */
export const today = (now: Date, timezone: string | null): string =>
  new Intl.DateTimeFormat('en-CA', {
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    timeZone: placeOf(timezone),
  }).format(now)

/** A time zone that is none must not take the page away. */
function placeOf(timezone: string | null): string {
  if (timezone === null) return 'UTC'
  try {
    return new Intl.DateTimeFormat('en', { timeZone: timezone }).resolvedOptions().timeZone
  } catch {
    return 'UTC'
  }
}
