import { createHash } from 'node:crypto'

import type { Config } from '../config.ts'
import type { Deps } from '../deps.ts'
import { messageOf } from '../errors.ts'
import type { Fetch } from '../vendor-fetch.ts'

const DAY_MS = 24 * 3_600_000
/** After a failure it is asked again no sooner. */
const AGAIN_MS = 5 * 60_000
/** A page does not wait longer for a name that nobody has asked for yet. */
const WAIT_MS = 1_500
const LOGO_MS = 5_000
const MAX_LOGO_BYTES = 200 * 1024
const MAX_ENTITIES = 50
const MAX_NAME = 80

export type Logo = { type: string; bytes: Uint8Array<ArrayBuffer>; path: string }
/** Who sends the invoices, as their customers know them. */
export type Brand = {
  name: string | undefined
  supportEmail: string | undefined
  supportUrl: string | undefined
  logo: Logo | undefined
}
type Seen = { name: string | null; email: string | null; logoUrl: string | null }
type Known = { brand: Brand; at: number; isWhole: boolean }
type BrandDeps = Pick<Deps, 'config'> & {
  lago: Pick<Deps['lago'], 'findBrand'>
  /** Hears what is not shown, and why. */
  log: { info: (data: { error: string }, what: string) => void }
  fetch: Fetch
}

export type Brands = ReturnType<typeof createBrands>

/**
 * Who the customer deals with: the settings say, and otherwise Lago's billing entity, which is asked once a day. A page
 * never waits long for it, and is shown without a name rather than not at all.
 */
export function createBrands({ config, lago, log, fetch }: BrandDeps) {
  const known = new Map<string, Known>()
  const asking = new Map<string, Promise<Brand>>()

  async function look(entity: string): Promise<Brand> {
    const { customers } = config
    const isAsked = config.lago.isOn && !isSaidWhole(customers)
    const seen = isAsked ? await see(entity) : NOTHING
    const held = known.get(entity)
    if (!seen && held) {
      // What was heard before is better than nothing, until Lago says otherwise.
      known.set(entity, { ...held, at: performance.now(), isWhole: false })
      return held.brand
    }
    const logoUrl = customers.logo ?? seen?.logoUrl ?? undefined
    const brand: Brand = {
      name: customers.name ?? (seen?.name?.slice(0, MAX_NAME) || undefined),
      supportEmail: customers.supportEmail ?? emailOf(seen?.email),
      supportUrl: customers.supportUrl,
      logo: logoUrl === undefined ? undefined : await fetchLogo(entity, logoUrl),
    }
    const isWhole = seen !== undefined && (logoUrl === undefined || brand.logo !== undefined)
    known.set(entity, { brand, at: performance.now(), isWhole })
    const [oldest] = known.keys()
    if (known.size > MAX_ENTITIES && oldest !== undefined) known.delete(oldest)
    return brand
  }

  async function see(entity: string): Promise<Seen | undefined> {
    try {
      return await lago.findBrand(entity === '' ? undefined : entity)
    } catch (error) {
      log.info({ error: messageOf(error) }, 'Lago does not say who sends the invoices')
      return undefined
    }
  }

  async function fetchLogo(entity: string, url: string): Promise<Logo | undefined> {
    try {
      const response = await fetch(url, { signal: AbortSignal.timeout(LOGO_MS) })
      const bytes = new Uint8Array(await readAtMost(response, MAX_LOGO_BYTES))
      const type = response.ok ? typeOf(bytes) : undefined
      if (!type) throw new Error('it is no PNG, JPEG or WebP of at most 200 KB')
      const hash = createHash('sha256').update(bytes).digest('hex').slice(0, 16)
      return { type, bytes, path: `/assets/logo/${encodeURIComponent(entity || '-')}?v=${hash}` }
    } catch (error) {
      log.info({ error: messageOf(error) }, 'the logo is not shown')
      return undefined
    }
  }

  function ask(entity: string): Promise<Brand> {
    const running = asking.get(entity)
    if (running) return running
    const flight = look(entity).finally(() => asking.delete(entity))
    asking.set(entity, flight)
    return flight
  }

  return {
    /** As far as it is known by now, or in a moment. */
    async of(entity: string | null): Promise<Brand> {
      const key = entity ?? ''
      const held = known.get(key)
      const age = held ? performance.now() - held.at : 0
      if (held && age < (held.isWhole ? DAY_MS : AGAIN_MS)) return held.brand
      const fresh = ask(key)
      if (held) return held.brand
      const late = Bun.sleep(WAIT_MS).then(() => said(config))
      return Promise.race([fresh, late])
    },
    /** However long it takes. */
    ask: (entity: string | null): Promise<Brand> => ask(entity ?? ''),
    /** What is known by now, without asking anybody. */
    known: (entity: string | null): Brand => known.get(entity ?? '')?.brand ?? said(config),
    logo: (entity: string) => known.get(entity === '-' ? '' : entity)?.brand.logo,
  }
}

const NOTHING: Seen = { name: null, email: null, logoUrl: null }

const said = ({ customers }: Config): Brand => ({
  name: customers.name,
  supportEmail: customers.supportEmail,
  supportUrl: customers.supportUrl,
  logo: undefined,
})

const isSaidWhole = ({ name, logo, supportEmail, supportUrl }: Config['customers']) =>
  name !== undefined && logo !== undefined && (supportEmail ?? supportUrl) !== undefined

/** The first of Lago's comma-separated addresses. */
const emailOf = (text: string | null | undefined) =>
  text
    ?.split(',')
    .map((one) => one.trim())
    .find((one) => /^[^\s@<>"',;]+@[^\s@<>"',;]+$/.test(one))

/** By how it begins, whatever it calls itself: a text or a drawing of scripts is none of them. */
function typeOf(bytes: Uint8Array): string | undefined {
  const begins = (at: number, ...signs: number[]) =>
    signs.every((sign, index) => bytes[at + index] === sign)
  if (begins(0, 0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a)) return 'image/png'
  if (begins(0, 0xff, 0xd8, 0xff)) return 'image/jpeg'
  const isWebp = begins(0, 0x52, 0x49, 0x46, 0x46) && begins(8, 0x57, 0x45, 0x42, 0x50)
  return isWebp ? 'image/webp' : undefined
}

async function readAtMost({ body }: Response, most: number): Promise<Uint8Array> {
  if (!body) return new Uint8Array()
  const pieces: Uint8Array[] = []
  let bytes = 0
  for await (const piece of body) {
    bytes += piece.byteLength
    if (bytes > most) throw new Error('it is too large')
    pieces.push(piece)
  }
  return Buffer.concat(pieces)
}
