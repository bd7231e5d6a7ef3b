import { eq } from 'drizzle-orm'
import type { Context } from 'hono'
import { getCookie, setCookie } from 'hono/cookie'

import type { Config } from '../../config.ts'
import type { Brand, Brands } from '../../customer/brand.ts'
import { chooseSpeech, LANGUAGE_NAMES, type Speech } from '../../customer/language.ts'
import type { createLook } from '../../customer/look.ts'
import type { Database } from '../../db/client.ts'
import { accountPages } from '../../db/schema.ts'
import { isVisit } from '../visitor.ts'

const COOKIE = 'bridge_lang'
const YEAR_SECONDS = 365 * 24 * 3_600

/** What every page of a customer goes by: whose it is, how they read, and where things are. */
export type Surroundings = {
  basePath: string
  stylePath: string
  speech: Speech
  timezone: string | null
  brand: Brand
  settings: Config['customers']
  isTest: boolean
}

export type Around = ReturnType<typeof createAround>
type AroundDeps = {
  config: Config
  db: Database
  brands: Brands
  look: ReturnType<typeof createLook>
}
/** Whose page it is; neither where nobody is known to be behind it. */
type Whose = { payerKey: string | null; billingEntity: string | null }

/** Finds out how whoever asks reads, and who sent them there. */
export function createAround({ config, db, brands, look }: AroundDeps) {
  const basePath = new URL(config.publicUrl).pathname.replace(/\/$/, '')
  const fixed = {
    basePath,
    stylePath: `${basePath}${look.path}`,
    settings: config.customers,
    isTest: config.dodo.environment === 'test',
  }

  function speechOf(c: Context, known: string | null): Speech {
    const asked = c.req.query('lang')
    const isSpoken = LANGUAGE_NAMES.some((name) => name === asked)
    if (asked !== undefined && isSpoken) {
      setCookie(c, COOKIE, asked, {
        path: `${basePath}/`,
        httpOnly: true,
        sameSite: 'Lax',
        secure: config.publicUrl.startsWith('https:'),
        maxAge: YEAR_SECONDS,
      })
    }
    return chooseSpeech({
      chosen: [isSpoken ? asked : undefined, getCookie(c, COOKIE)],
      acceptLanguage: c.req.header('accept-language'),
      known,
    })
  }

  return {
    basePath,
    /** For a page behind which nobody is known: asks neither the database nor a service. */
    ofNobody: (c: Context): Surroundings => ({
      ...fixed,
      speech: speechOf(c, null),
      timezone: null,
      brand: brands.known(null),
    }),
    async of(c: Context, { payerKey, billingEntity }: Whose): Promise<Surroundings> {
      const [[account], brand] = await Promise.all([
        payerKey === null
          ? []
          : db.select().from(accountPages).where(eq(accountPages.payerKey, payerKey)),
        // What only looks ahead costs no service a request.
        isVisit(c.req.raw) || c.req.method === 'POST'
          ? brands.of(billingEntity)
          : brands.known(billingEntity),
      ])
      return {
        ...fixed,
        speech: speechOf(c, account?.language ?? null),
        timezone: account?.timezone ?? null,
        brand,
      }
    },
  }
}
