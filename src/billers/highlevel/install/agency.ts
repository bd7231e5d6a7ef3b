import { and, eq, isNull } from 'drizzle-orm'

import { highlevelLocations, highlevelTokens } from '../../../db/schema.ts'
import { ApiError } from '../../../errors.ts'
import type { Installing } from './installing.ts'
import { NeedsInstall } from './needs-install.ts'
import { uninstall } from './take-told.ts'
import type { Told } from './told.ts'
import { ownerOfCompany } from './tokens.ts'

/** A token that was never given a scope is not mended by another one. */
const ABOUT_SCOPE = /scope/i

/** The locations of an agency that have the app; undefined once HighLevel takes no token of it. */
export async function listInstalledOf(
  { highlevel: { oauth, tokenOf, settings } }: Pick<Installing, 'highlevel'>,
  companyId: string,
): Promise<string[] | undefined> {
  const owner = ownerOfCompany(companyId)
  const ask = (token: string) => oauth.listInstalled(token, { companyId, appId: settings.appId })
  try {
    const token = await tokenOf(owner)
    return await ask(token).catch(async (error: unknown) => {
      const isRejected = error instanceof ApiError && error.status === 401
      if (!isRejected || ABOUT_SCOPE.test(error.detail)) throw error
      return ask(await tokenOf(owner, token))
    })
  } catch (error) {
    if (error instanceof NeedsInstall) return undefined
    throw error
  }
}

/** What HighLevel said of an agency's end becomes true here, unless the agency has installed the app again since. */
export async function takeAgencyUninstall(
  deps: Installing,
  companyId: string,
  told: Told,
): Promise<string> {
  if ((await isDoubtful(deps, companyId, told)) && (await listInstalledOf(deps, companyId)))
    return 'about an installation that has been followed by another'
  await uninstallAgency(deps, companyId, told.at ?? deps.now())
  return 'read'
}

/**
 * One that names no app may be about another's, and one that names no time may come first after the agency has installed the
 * app again; and HighLevel gives no tokens to who has uninstalled.
 */
async function isDoubtful(
  { highlevel }: Installing,
  companyId: string,
  { appId, at, isSaidAgain }: Told,
): Promise<boolean> {
  const tokens = await highlevel.tokens.read(ownerOfCompany(companyId))
  if (!tokens) return false
  return appId === undefined || isSaidAgain || at === undefined || at < tokens.issuedAt
}

/** With the agency go those locations that came with it; who installed the app themselves is told of by itself. */
async function uninstallAgency(deps: Installing, companyId: string, at: Date) {
  const { db, highlevel } = deps
  const cameAlong = await db
    .select({
      locationId: highlevelLocations.locationId,
      installedAt: highlevelLocations.installedAt,
    })
    .from(highlevelLocations)
    .innerJoin(highlevelTokens, eq(highlevelTokens.owner, highlevelLocations.locationId))
    .where(and(eq(highlevelLocations.companyId, companyId), isNull(highlevelTokens.refreshToken)))
  for (const location of cameAlong) await uninstall(deps, location, at)
  await highlevel.tokens.drop(db, ownerOfCompany(companyId))
}
