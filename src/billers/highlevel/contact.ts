import { Props } from '../../highlevel/queries.ts'
import type { z } from 'zod'

type Contact = Extract<z.infer<typeof Props>, { transactionId: string }>['contact']

const MAX_LENGTH = 200
const EMAIL = /^[^\s@]+@[^\s@]+\.[^\s@]+$/

const names = new Intl.DisplayNames(['en'], { type: 'region', fallback: 'none' })
const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ'.split('')
/** Codes that Unicode names, and that are no country of ISO 3166-1. */
const NO_COUNTRY = new Set('AC CP CQ DG EA EU EZ IC QO TA UN XA XB XK ZZ'.split(' '))

/** Those that are in use: `DD` was Germany, too. */
const isCountry = (code: string) =>
  names.of(code) !== undefined &&
  !NO_COUNTRY.has(code) &&
  Intl.getCanonicalLocales(`und-${code}`)[0] === `und-${code}`

/** HighLevel names countries in English, and Dodo by their codes. */
const CODES: ReadonlyMap<string, string> = new Map(
  LETTERS.flatMap((first) => LETTERS.map((second) => first + second))
    .filter(isCountry)
    .map((code) => [names.of(code)?.toLowerCase() ?? '', code]),
)

const tidy = (text: string | null | undefined) =>
  text?.replaceAll('\0', '').trim().slice(0, MAX_LENGTH) || undefined

/** Who pays, as the browser says: what Dodo's page is filled in with, and proof of nothing. */
export function describeContact(contact: Contact): {
  email: string | undefined
  name: string | undefined
  country: string | undefined
} {
  const email = tidy(contact?.email)
  return {
    email: email && EMAIL.test(email) ? email : undefined,
    name: tidy(contact?.name),
    country: readCountry(contact?.['shippingAddress']),
  }
}

function readCountry(address: unknown): string | undefined {
  const { country } = (typeof address === 'object' && address ? address : {}) as {
    country?: unknown
  }
  if (typeof country !== 'string') return undefined
  const given = country.trim()
  if (/^[A-Z]{2}$/.test(given) && isCountry(given)) return given
  return CODES.get(given.toLowerCase())
}
