import type { Config } from '../config.ts'
import { createDodo } from '../dodo/client.ts'
import { isPrivate } from '../env/private-address.ts'
import { ApiError, PermanentError } from '../errors.ts'
import type { Fetch } from '../vendor-fetch.ts'
import type { Services } from './services.ts'

const URL_OF = {
  test: 'https://test.dodopayments.com',
  live: 'https://live.dodopayments.com',
} as const
const OTHER_MODE = { test: 'live', live: 'test' } as const

export type Identity = {
  /** Neither while Lago is off. */
  organizationId: string | undefined
  organization: string | undefined
  /** Whose account of Dodo it is, as far as Dodo tells. */
  business: string
}

/** Whom both keys belong to. Throws `PermanentError` for a key of the other mode, before anything is changed. */
export async function identify(
  { installation, lago, dodo }: Pick<Services, 'installation' | 'lago' | 'dodo'>,
  { config, fetch }: { config: Pick<Config, 'lago' | 'dodo'>; fetch: Fetch },
): Promise<Identity> {
  if (config.lago.isOn) await lago.release.known()
  const organization = config.lago.isOn ? await installation.getOrganization() : undefined
  try {
    const business = await dodo.findBusiness()
    const name = business?.name
      ? `${business.business_id} (${business.name})`
      : business?.business_id
    return {
      organizationId: organization?.lago_id,
      organization: organization?.name ?? organization?.lago_id,
      business: name ?? 'not told by Dodo before there is a product',
    }
  } catch (error) {
    const isRefused = error instanceof ApiError && error.status === 401
    if (isRefused && (await isOfOtherMode(config.dodo, fetch))) {
      throw new PermanentError(describeOtherMode(config.dodo.environment), { cause: error })
    }
    throw error
  }
}

/** Whether the other mode takes the key; nobody is asked where the address is one of a sandbox. */
export async function isOfOtherMode(dodo: Config['dodo'], fetch: Fetch): Promise<boolean> {
  if (dodo.url !== URL_OF[dodo.environment]) return false
  const other = createDodo({
    apiKey: dodo.apiKey,
    url: URL_OF[OTHER_MODE[dodo.environment]],
    fetch: fetch as typeof globalThis.fetch,
  })
  return other.findBusiness().then(
    () => true,
    () => false,
  )
}

/** In words, with both ways out. */
export const describeOtherMode = (environment: 'test' | 'live') =>
  `DODO_API_KEY is a key of ${OTHER_MODE[environment]} mode, and DODO_ENVIRONMENT is ${environment}: set the key of ${environment} mode, or DODO_ENVIRONMENT=${OTHER_MODE[environment]}`

/** Why a service out there could never reach the bridge, if so. */
export function findUnreachable({
  publicUrl,
  lago,
  dodo,
}: Pick<Config, 'publicUrl' | 'lago' | 'dodo'>): string | undefined {
  if (!isPrivate(new URL(publicUrl).hostname)) return undefined
  const urls = lago.isOn ? [lago.url, dodo.url] : [dodo.url]
  const outside = urls.find((url) => !isPrivate(new URL(url).hostname))
  if (outside === undefined) return undefined
  return `PUBLIC_URL is ${publicUrl}, which ${new URL(outside).hostname} cannot reach: set it to an address that the internet knows`
}
