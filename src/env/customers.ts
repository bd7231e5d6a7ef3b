import { z } from 'zod'

const emailAddress = z.email('write one e-mail address, like billing@acme.example')
const color = z
  .string()
  .regex(/^#[0-9a-fA-F]{6}$/, 'write a colour like #1f5fbf')
  .transform((text) => text.toLowerCase())
const page = (example: string) =>
  z.url({ protocol: /^https?$/, message: `write a full URL, like ${example}` })

/** What customers see. */
export const CUSTOMER_VARIABLES = {
  /** Who the customer deals with; otherwise Lago's billing entity says. */
  MERCHANT_NAME: z.string().trim().min(1).max(80, 'write at most 80 characters').optional(),
  /** A PNG, JPEG or WebP of at most 200 KB, which the bridge fetches once and serves itself. */
  MERCHANT_LOGO: page('https://acme.example/logo.png').optional(),
  /** Of the button and of the line on top. */
  MERCHANT_COLOR: color.optional(),
  SUPPORT_EMAIL: emailAddress.optional(),
  SUPPORT_URL: page('https://acme.example/help').optional(),
  TERMS_URL: page('https://acme.example/terms').optional(),
  PRIVACY_URL: page('https://acme.example/privacy').optional(),
} as const

type CustomerEnvironment = z.infer<z.ZodObject<typeof CUSTOMER_VARIABLES>>

export const toCustomersConfig = (env: CustomerEnvironment) => ({
  name: env.MERCHANT_NAME,
  logo: env.MERCHANT_LOGO,
  color: env.MERCHANT_COLOR,
  supportEmail: env.SUPPORT_EMAIL,
  supportUrl: env.SUPPORT_URL,
  termsUrl: env.TERMS_URL,
  privacyUrl: env.PRIVACY_URL,
})
