import type { Alone } from '../../../collect/alone.ts'
import { insist } from '../../../collect/once.ts'
import type { Database } from '../../../db/client.ts'
import { ApiError, Later, reasonOf } from '../../../errors.ts'
import { meaningOfTokenRefusal, type HighlevelOauth } from '../../../highlevel/oauth.ts'
import { findLocation, markNeedsInstall } from './location-rows.ts'
import { NeedsInstall } from './needs-install.ts'
import { companyOf, ownerOfCompany, type Tokens, type TokenStore } from './tokens.ts'

/** Refreshed so long before they end. */
export const MARGIN_MS = 5 * 60_000
/** Longer than any refresh takes, deadline included. */
const WAIT_MS = 60_000
const LOOK_MS = 150
const REFUSED_MS = 5 * 60_000

type Renewing = {
  db: Database
  alone: Alone
  oauth: HighlevelOauth
  tokens: TokenStore
  now: () => Date
}

/** The access token of a location or an agency that is good for some minutes; never the one that was `rejected`. */
export type TokenOf = (owner: string, rejected?: string) => Promise<string>

/**
 * Gives tokens, refreshed five minutes before they end or once HighLevel has rejected one: by one process at a time,
 * since a refresh kills the tokens before it, and all others go on with what it got. Throws `NeedsInstall` once
 * HighLevel refuses the refresh.
 */
export function createTokenOf({ db, alone, oauth, tokens, now }: Renewing): TokenOf {
  const renewing = new Map<string, Promise<string>>()

  const isGood = ({ accessToken, expiresAt }: Tokens, rejected: string | undefined) =>
    accessToken !== rejected && expiresAt.getTime() - MARGIN_MS > now().getTime()

  async function tokenOf(owner: string, rejected?: string): Promise<string> {
    const known = await tokens.read(owner)
    if (known && isGood(known, rejected)) return known.accessToken
    const inHand = renewing.get(owner)
    if (inHand) return inHand
    const fresh = renewInTurn(owner, rejected).finally(() => renewing.delete(owner))
    renewing.set(owner, fresh)
    return fresh
  }

  /** Waits for whoever renews it already; another replica may. */
  async function renewInTurn(owner: string, rejected: string | undefined): Promise<string> {
    const endMs = performance.now() + WAIT_MS
    for (;;) {
      let isOurTurn = false
      const renew = () => {
        isOurTurn = true
        return renewAlone(owner, rejected)
      }
      try {
        return await alone(`the token of ${owner}`, renew)
      } catch (error) {
        if (!(error instanceof Later) || isOurTurn || performance.now() > endMs) throw error
        await Bun.sleep(LOOK_MS)
      }
    }
  }

  async function renewAlone(owner: string, rejected: string | undefined): Promise<string> {
    const known = await tokens.read(owner)
    // Somebody else has done it meanwhile.
    if (known && isGood(known, rejected)) return known.accessToken
    const refreshed = known?.refreshToken === undefined ? undefined : await refresh(owner, known)
    if (refreshed !== undefined) return refreshed
    const made = companyOf(owner) === undefined ? await makeOfCompany(owner) : undefined
    return made ?? giveUp(owner, known)
  }

  /** Undefined when HighLevel will never take that refresh token again, and nobody has brought another one. */
  async function refresh(owner: string, known: Tokens): Promise<string | undefined> {
    const kind = companyOf(owner) === undefined ? 'Location' : 'Company'
    try {
      const answer = await oauth.refresh(known.refreshToken ?? '', kind)
      let isKept = false
      await insist(async () => {
        isKept = await tokens.replace(owner, answer, known)
      })
      if (isKept) return answer.access_token
    } catch (error) {
      if (meaningOfTokenRefusal(error) === 'later') throw asLater(error, now())
    }
    return readNewer(owner, known)
  }

  /** Of whoever has installed the app anew while the tokens of before were asked about. */
  async function readNewer(owner: string, before: Tokens | undefined) {
    const newer = await tokens.read(owner)
    const isNew = newer !== undefined && newer.accessToken !== before?.accessToken
    return isNew && isGood(newer, undefined) ? newer.accessToken : undefined
  }

  /** What came with its agency has no refresh token of its own: its token is made anew. */
  async function makeOfCompany(locationId: string): Promise<string | undefined> {
    const location = await findLocation(db, locationId)
    if (!location?.companyId || location.state === 'uninstalled') return undefined
    const answer = await makeLocationToken(
      { oauth, tokenOf, now },
      { locationId, companyId: location.companyId },
    )
    if (!answer) return undefined
    await insist(() => tokens.keep(db, locationId, answer))
    return answer.access_token
  }

  async function giveUp(owner: string, known: Tokens | undefined): Promise<string> {
    await db.transaction(async (tx) => {
      if (await tokens.refuse(tx, owner, known)) await markNeedsInstall(tx, owner)
    })
    const newer = await readNewer(owner, known)
    if (newer !== undefined) return newer
    throw new NeedsInstall(owner)
  }

  return tokenOf
}

/**
 * A token that is refused for now: the location sleeps, or our own client is not taken. It is said of the token, and
 * must never be taken for an answer to the call that wanted it.
 */
function asLater(error: unknown, now: Date): unknown {
  const isRefused = error instanceof ApiError && error.outcome === 'refused'
  return isRefused ? new Later(reasonOf(error), new Date(now.getTime() + REFUSED_MS)) : error
}

/** A location's token from its agency's; undefined when HighLevel says that it does not have the app there. */
export async function makeLocationToken(
  { oauth, tokenOf, now }: { oauth: HighlevelOauth; tokenOf: TokenOf; now: () => Date },
  who: { companyId: string; locationId: string },
) {
  const owner = ownerOfCompany(who.companyId)
  const make = async (rejected?: string) => {
    const companyToken = await tokenOf(owner, rejected)
    try {
      return { answer: await oauth.makeLocationToken(companyToken, who) }
    } catch (error) {
      if (!(error instanceof ApiError) || error.outcome !== 'refused') throw error
      if (error.status === 401 && rejected === undefined) return { rejected: companyToken }
      if (meaningOfTokenRefusal(error) === 'install_again') return {}
      throw asLater(error, now())
    }
  }
  try {
    const first = await make()
    const { answer } = first.rejected === undefined ? first : await make(first.rejected)
    return answer
  } catch (error) {
    if (error instanceof NeedsInstall) return undefined
    throw error
  }
}
