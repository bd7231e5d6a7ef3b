import { insist } from '../../../collect/once.ts'
import type { Executor } from '../../../db/client.ts'
import { ApiError, Later } from '../../../errors.ts'
import type { TokenAnswer } from '../../../highlevel/objects.ts'
import { wakeWithin } from '../../../wakes.ts'
import { isAllowed } from './allowed.ts'
import type { Installing } from './installing.ts'
import { markInstalled } from './location-rows.ts'
import { ownerOfCompany } from './tokens.ts'

/** Ids of HighLevel go into keys, addresses and jobs. */
const ID = /^[\w-]{1,100}$/

/** What came of a code that somebody brought back from HighLevel's consent page. */
export type Consent =
  | { is: 'installed'; locationId: string }
  | { is: 'agency_installed' }
  | { is: 'not_allowed' }
  | { is: 'refused' }
  | { is: 'unanswered' }

/**
 * Exchanges the code, which is good once, and keeps the tokens; the location is connected right after by a job. Who is
 * not allowed leaves nothing behind.
 */
export async function takeConsent(deps: Installing, code: string): Promise<Consent> {
  try {
    const answer = await deps.highlevel.oauth.exchange(code)
    const locationId = answer.locationId || null
    const companyId = answer.companyId || null
    if (![locationId, companyId].every((id) => id === null || ID.test(id))) return { is: 'refused' }
    if (locationId !== null && answer.userType !== 'Company')
      return await takeLocation(deps, { locationId, companyId }, answer)
    return companyId === null ? { is: 'refused' } : await takeCompany(deps, companyId, answer)
  } catch (error) {
    if (error instanceof Later) return { is: 'unanswered' }
    if (!(error instanceof ApiError)) throw error
    const isRefused = error.outcome === 'refused' && error.status !== undefined
    deps.log.warn({ status: error.status }, 'installation not completed')
    return { is: isRefused ? 'refused' : 'unanswered' }
  }
}

async function takeLocation(
  deps: Installing,
  who: { locationId: string; companyId: string | null },
  answer: TokenAnswer,
): Promise<Consent> {
  if (!isAllowed(deps.highlevel.settings, who)) return { is: 'not_allowed' }
  const { locationId } = who
  await keepFor(deps, locationId, answer, (tx) => markInstalled(tx, who, deps.now()))
  return { is: 'installed', locationId }
}

/** An agency is let in where it is allowed itself, or a location of it that has the app. */
async function takeCompany(
  deps: Installing,
  companyId: string,
  answer: TokenAnswer,
): Promise<Consent> {
  const { oauth, settings } = deps.highlevel
  if (!settings.allowedCompanies.includes(companyId)) {
    const who = { companyId, appId: settings.appId }
    const installed = await oauth.listInstalled(answer.access_token, who)
    if (!installed.some((locationId) => isAllowed(settings, { locationId, companyId })))
      return { is: 'not_allowed' }
  }
  await keepFor(deps, ownerOfCompany(companyId), answer)
  return { is: 'agency_installed' }
}

const keepFor = (
  { db, queue, highlevel }: Installing,
  owner: string,
  answer: TokenAnswer,
  mark?: (tx: Executor) => Promise<void>,
) =>
  // The code is used up: what it gave must not be lost to a moment without a database.
  insist(() =>
    db.transaction(async (tx) => {
      await highlevel.tokens.keep(tx, owner, answer)
      await mark?.(tx)
      await wakeWithin({ db: tx, queue }, 'installation', [owner], 'customer')
    }),
  )
