import { HighlevelRefusal } from './refusal.ts'
import type { Code, Location, Token } from './records.ts'
import { newObjectId, newToken } from './store.ts'
import type { HighlevelWorld } from './world.ts'

const TOKEN_LIFETIME_MS = 86_399_000
const SECOND_MS = 1_000

type TokenRequest = {
  client_id?: string | undefined
  client_secret?: string | undefined
  grant_type?: string | undefined
  code?: string | undefined
  refresh_token?: string | undefined
  user_type?: string | undefined
}

/** What the consent page hands to the redirect URL: a code without any `state` of ours. */
export function grantCode(world: HighlevelWorld, who: Omit<Code, 'code'>): string {
  const code = newObjectId()
  world.store.codes.set(code, { code, ...who })
  return code
}

/** Exchanges a code or a refresh token; the old refresh token is dead from then on. */
export function issueToken(world: HighlevelWorld, asked: TokenRequest) {
  const { app, store } = world
  if (asked.client_id !== app.clientId || asked.client_secret !== app.clientSecret)
    throw new HighlevelRefusal(401, 'Invalid client credentials!')

  if (asked.grant_type === 'authorization_code') {
    const code = store.codes.get(asked.code ?? '')
    if (!code) throw new HighlevelRefusal(400, 'Invalid grant: authorization code is invalid')
    assertActive(world, code.locationId)
    store.codes.delete(code.code)
    return tokenBody(world, addToken(world, { ...code, isRefreshable: true }))
  }
  if (asked.grant_type === 'refresh_token') {
    const old = [...store.tokens.values()].find(
      ({ refreshToken }) => refreshToken !== null && refreshToken === asked.refresh_token,
    )
    if (!old) throw new HighlevelRefusal(400, 'Invalid grant: refresh token is invalid')
    assertActive(world, old.locationId)
    store.tokens.delete(old.accessToken)
    return tokenBody(world, addToken(world, { ...old, isRefreshable: true }))
  }
  throw new HighlevelRefusal(422, 'grant_type must be a valid enum value', [
    'grant_type must be one of the following values: authorization_code, refresh_token',
  ])
}

/** A location's token for an agency; it cannot be refreshed, only made anew. */
export function issueLocationToken(
  world: HighlevelWorld,
  company: Token,
  asked: { companyId?: string | undefined; locationId?: string | undefined },
) {
  const location = world.store.locations.get(asked.locationId ?? '')
  if (company.kind !== 'Company' || company.companyId !== asked.companyId)
    throw new HighlevelRefusal(401, 'This authClass type is not allowed to access this scope.')
  if (!location?.isInstalled || location.companyId !== company.companyId)
    throw new HighlevelRefusal(400, 'Location is not installed')
  assertActive(world, location.id)
  const { companyId, id: locationId } = location
  const token = { kind: 'Location', companyId, locationId, isRefreshable: false } as const
  return tokenBody(world, addToken(world, token))
}

/** Where the agency has installed the app. */
export function installedLocations(
  world: HighlevelWorld,
  company: Token,
  page: { limit: number; skip: number },
): { locations: Record<string, unknown>[]; count: number } {
  const installed = [...world.store.locations.values()].filter(
    (location): location is Location =>
      location.companyId === company.companyId && location.isInstalled,
  )
  const shown = installed.slice(page.skip, page.skip + page.limit)
  const locations = shown.map(({ id, name, isInstalled, installedAt }) => ({
    _id: id,
    name,
    address: '1 Demo St',
    isInstalled,
    installedAt: installedAt?.toISOString(),
  }))
  return { locations, count: installed.length }
}

/** Who comes with this token, or HighLevel's 401. */
export function findToken({ store, now }: HighlevelWorld, authorization: string | undefined) {
  const token = store.tokens.get(/^Bearer (\S+)$/.exec(authorization ?? '')?.[1] ?? '')
  if (!token || token.expiresAt <= now()) throw new HighlevelRefusal(401, 'Invalid JWT')
  return token
}

function assertActive({ store }: HighlevelWorld, locationId: string | null) {
  if (locationId === null || store.locations.get(locationId)?.isActive) return
  throw new HighlevelRefusal(400, 'Location is not active')
}

function addToken(
  { store, now }: HighlevelWorld,
  who: Pick<Token, 'kind' | 'companyId' | 'locationId'> & { isRefreshable: boolean },
): Token {
  const token = {
    accessToken: newToken(),
    refreshToken: who.isRefreshable ? newToken() : null,
    kind: who.kind,
    companyId: who.companyId,
    locationId: who.locationId,
    expiresAt: new Date(now().getTime() + TOKEN_LIFETIME_MS),
  }
  store.tokens.set(token.accessToken, token)
  return token
}

function tokenBody({ app }: HighlevelWorld, token: Token) {
  const { accessToken, refreshToken, kind, companyId, locationId } = token
  return {
    access_token: accessToken,
    token_type: 'Bearer',
    expires_in: TOKEN_LIFETIME_MS / SECOND_MS,
    ...(refreshToken !== null && { refresh_token: refreshToken }),
    scope: app.scopes.join(' '),
    userType: kind,
    companyId,
    userId: 'usr_demo_1',
    ...(kind === 'Location'
      ? { locationId, planId: 'plan_demo_1', isBulkInstallation: false }
      : {
          approvedLocations: [],
          approveAllLocations: true,
          installToFutureLocations: true,
        }),
  }
}
