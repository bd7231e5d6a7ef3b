import { z } from 'zod'

import { CHOSEN_KINDS } from '../mail-kinds.ts'
import { list } from './values.ts'

const ADDRESS = /^[^\s@<>"',;]+@[^\s@<>"',;]+$/
/** With a name before it, or alone. Neither may begin another header. */
const SENDER = /^(?:[^<>\r\n]{1,80}<[^\s@<>"',;]+@[^\s@<>"',;]+>|[^\s@<>"',;]+@[^\s@<>"',;]+)$/
const MOST_DAYS = 90

const smtpUrl = z.string().refine((text) => {
  const url = URL.parse(text)
  return url !== null && /^smtps?:$/.test(url.protocol) && url.hostname !== ''
}, 'write smtp://user:password@host:587, or smtps://… for TLS from the first byte')

/** `-3d,3d,10d`: days before and after the due date. */
const reminders = list
  .pipe(
    z.array(
      z.string().regex(/^-?\d{1,2}d$/, 'write days around the due date, like -3d,3d,10d'),
      'write days around the due date, like -3d,3d,10d',
    ),
  )
  .transform((days) => [...new Set(days.map((text) => Number.parseInt(text, 10)))])
  .refine((days) => days.every((one) => Math.abs(one) <= MOST_DAYS), 'write at most 90 days')

/** Mail to customers: off until all three of the first are set. */
export const MAIL_VARIABLES = {
  /** How mail leaves. */
  SMTP_URL: smtpUrl.optional(),
  /** Who it is from, as customers see it. */
  MAIL_FROM: z
    .string()
    .trim()
    .regex(SENDER, 'write an address, or Acme <billing@acme.example>')
    .optional(),
  /** What is mailed. */
  CUSTOMER_EMAILS: list
    .pipe(z.array(z.enum(CHOSEN_KINDS, `write some of ${CHOSEN_KINDS.join(', ')}`)))
    .optional(),
  /** When who has not paid is reminded, in days around the due date. */
  REMINDERS: reminders.optional(),
  /** In test mode all mail goes there, and none without it. */
  MAIL_TEST_TO: z.string().trim().regex(ADDRESS, 'write one e-mail address').optional(),
  /** Puts the link of a customer's account page on the invoices that Lago makes. */
  PAY_LINK_ON_INVOICE: z.enum(['account'], 'write account, or leave it empty').optional(),
} as const

export const MAIL_SECRET_NAMES = [
  'SMTP_URL',
] as const satisfies readonly (keyof typeof MAIL_VARIABLES)[]

type MailEnvironment = z.infer<z.ZodObject<typeof MAIL_VARIABLES>>

export const toMailConfig = (env: MailEnvironment) => ({
  smtpUrl: env.SMTP_URL,
  from: env.MAIL_FROM,
  kinds: env.CUSTOMER_EMAILS ?? [],
  reminderDays: env.REMINDERS ?? [],
  testTo: env.MAIL_TEST_TO,
  /** The account page's link is written to Lago's customers, who then have it on their invoices. */
  isLinkOnInvoice: env.PAY_LINK_ON_INVOICE === 'account',
})

export type MailConfig = ReturnType<typeof toMailConfig>

/** What was asked for and cannot be: nobody should believe that customers are mailed. */
export function findMailContradictions(env: Record<string, string | undefined>): string[] {
  const kinds = list.parse(env['CUSTOMER_EMAILS'] ?? '')
  if (kinds.length === 0) return []
  const missing = (['SMTP_URL', 'MAIL_FROM'] as const).filter((name) => env[name] === undefined)
  return [
    ...missing.map((name) => `${name}: is required where CUSTOMER_EMAILS is set`),
    ...(kinds.includes('reminder') && env['REMINDERS'] === undefined
      ? ['REMINDERS: is required where CUSTOMER_EMAILS has reminder; write -3d,3d,10d']
      : []),
  ]
}
