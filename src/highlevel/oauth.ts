import { ApiError } from '../errors.ts'
import { readAnswer, VERSION } from './client.ts'
import { InstalledLocations, TokenAnswer } from './objects.ts'

/** The scopes of the app; they lock once its version is live. */
export const SCOPES = [
  'payments/orders.readonly',
  'payments/orders.write',
  'payments/subscriptions.readonly',
  'payments/transactions.readonly',
  'payments/custom-provider.readonly',
  'payments/custom-provider.write',
  'products.readonly',
  'products/prices.readonly',
] as const

/** Besides, for an app that whole agencies install. */
export const SCOPES_OF_AGENCIES = ['oauth.readonly', 'oauth.write'] as const

/** Where an installation begins. What comes back has no `state` of ours when it began in the marketplace. */
export function consentUrl(options: {
  marketplaceUrl: string
  clientId: string
  redirectUrl: string
  scopes?: readonly string[]
}): string {
  const url = new URL(`${options.marketplaceUrl}/v2/oauth/chooselocation`)
  url.searchParams.set('response_type', 'code')
  url.searchParams.set('redirect_uri', options.redirectUrl)
  url.searchParams.set('client_id', options.clientId)
  url.searchParams.set('scope', (options.scopes ?? SCOPES).join(' '))
  return url.href
}

const bearer = (token: string) => ({ Authorization: `Bearer ${token}`, Version: VERSION })

const PAGE_SIZE = 100
const MAX_PAGES = 200

export type HighlevelOauth = ReturnType<typeof createHighlevelOauth>

/**
 * The tokens of the app (HighLevel's OpenAPI `oauth.json`). Requests are forms. A refresh gives a new refresh token
 * and kills the old one: it is made under a lock, and both are stored at once.
 */
export function createHighlevelOauth(options: {
  url: string
  clientId: string
  clientSecret: string
  redirectUrl: string
  fetch: typeof globalThis.fetch
}) {
  const { url, clientId, clientSecret, redirectUrl, fetch } = options
  const client = { client_id: clientId, client_secret: clientSecret }

  async function ask(what: string, fields: Record<string, string>): Promise<TokenAnswer> {
    const body = new URLSearchParams({ ...client, ...fields })
    const init = { method: 'POST', headers: { Accept: 'application/json' }, body }
    return readAnswer(what, await fetch(`${url}/oauth/token`, init), TokenAnswer)
  }

  return {
    /** A code is good once; whose it is, the answer tells. */
    exchange: (code: string): Promise<TokenAnswer> =>
      ask('exchange a code', {
        grant_type: 'authorization_code',
        code,
        user_type: 'Location',
        redirect_uri: redirectUrl,
      }),
    refresh: (refreshToken: string, kind: 'Location' | 'Company'): Promise<TokenAnswer> =>
      ask('refresh a token', {
        grant_type: 'refresh_token',
        refresh_token: refreshToken,
        user_type: kind,
        redirect_uri: redirectUrl,
      }),
    /** A location's token for an agency: it has no refresh token, and is made anew when it ends. */
    async makeLocationToken(
      companyToken: string,
      who: { companyId: string; locationId: string },
    ): Promise<TokenAnswer> {
      const response = await fetch(`${url}/oauth/locationToken`, {
        method: 'POST',
        headers: { Accept: 'application/json', ...bearer(companyToken) },
        body: new URLSearchParams(who),
      })
      return readAnswer('make a token of a location', response, TokenAnswer)
    },
    /** The locations of an agency that have the app. */
    async listInstalled(
      companyToken: string,
      { companyId, appId }: { companyId: string; appId: string },
    ): Promise<string[]> {
      const ids: string[] = []
      for (let page = 0; page < MAX_PAGES; page += 1) {
        const query = new URLSearchParams({
          companyId,
          appId,
          isInstalled: 'true',
          limit: String(PAGE_SIZE),
          skip: String(page * PAGE_SIZE),
        })
        const response = await fetch(`${url}/oauth/installedLocations?${query.toString()}`, {
          headers: { Accept: 'application/json', ...bearer(companyToken) },
        })
        const answer = await readAnswer('list installed locations', response, InstalledLocations)
        ids.push(
          ...answer.locations.flatMap(({ _id, isInstalled }) =>
            isInstalled === false ? [] : [_id],
          ),
        )
        if (answer.locations.length < PAGE_SIZE) break
      }
      return ids
    },
  }
}

/** What a refused token means: the app must be installed again, or the location sleeps and is kept for later. */
export function meaningOfTokenRefusal(error: unknown): 'install_again' | 'later' {
  const isRefused = error instanceof ApiError && error.status === 400
  return isRefused && !/not active/i.test(error.detail) ? 'install_again' : 'later'
}
