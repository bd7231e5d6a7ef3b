import { putRight } from '../billers/highlevel/install/put-right.ts'
import { surveyLocations } from '../billers/highlevel/install/survey.ts'
import type { Config } from '../config.ts'
import { NoLedgerYet, openLedger } from '../db/open-ledger.ts'
import { reasonOf } from '../errors.ts'
import { SCOPES, SCOPES_OF_AGENCIES } from '../highlevel/oauth.ts'
import type { Write } from '../print/text.ts'
import type { Fetch } from '../vendor-fetch.ts'
import { openHighlevelBeside } from './open-highlevel.ts'
import type { Plan, Step } from './step.ts'

const WHAT = 'HighLevel location'
type Planning = { config: Config; fetch: Fetch; now: () => Date; stop: AbortSignal }

/**
 * What is to be done so that every location that has the app is connected as it has to be. `release` lets go of the
 * ledger, which knows them; where there is none yet, nobody has installed the app.
 */
export async function planHighlevel(
  planning: Planning,
): Promise<{ plan: Plan; release: () => Promise<void> }> {
  const nothing = { plan: { steps: [], afterwards: [] }, release: async () => undefined }
  if (!planning.config.highlevel) return nothing
  const ledger = await openLedger(planning.config).catch((error: unknown) => {
    if (error instanceof NoLedgerYet) return undefined
    throw error
  })
  if (!ledger) return nothing
  try {
    const deps = openHighlevelBeside(ledger, planning)
    const steps = (await surveyLocations(deps)).map(
      ({ location: { locationId, connectedAs }, wanted, differences, problem }): Step => {
        if (problem !== undefined)
          return { what: WHAT, verb: 'leave', about: `${locationId} (${reasonOf(problem)})` }
        if (differences.length === 0 && connectedAs !== null)
          return { what: WHAT, verb: 'keep', about: locationId }
        const why = differences.length > 0 ? ` (${differences.join('; ')})` : ''
        const run = () => putRight(deps, locationId, wanted)
        return { what: WHAT, verb: 'update', about: `${locationId}${why}`, run }
      },
    )
    return { plan: { steps, afterwards: [] }, release: ledger.close }
  } catch (error) {
    await ledger.close()
    throw error
  }
}

/** What a person has to enter in the marketplace, since HighLevel has no API for it. */
export function writeMarketplaceApp(
  { highlevel, publicUrl }: Pick<Config, 'highlevel' | 'publicUrl'>,
  write: Write,
): void {
  if (!highlevel) return
  const isForAgencies = highlevel.allowedCompanies.length > 0
  const scopes = [...SCOPES, ...(isForAgencies ? SCOPES_OF_AGENCIES : [])]
  write('')
  write('What only a person can do, in HighLevel’s marketplace, in the app’s settings:')
  const rows = [
    ['Profile > Category', 'Third Party Provider'],
    ['Distribution', isForAgencies ? 'Agency and Sub-account' : 'Sub-account'],
    ['Payment provider type', typeOf(highlevel.payments)],
    ['Redirect URL', `${publicUrl}/highlevel/oauth/callback`],
    ['Webhook URL', `${publicUrl}/webhooks/highlevel`],
    ['Custom page', `${publicUrl}/highlevel/settings`],
    ['Scopes', scopes.join(' ')],
  ] as const
  for (const [setting, value] of rows) write(`  ${setting.padEnd(22)}  ${value}`)
  write(`Then install it: ${publicUrl}/highlevel/install`)
  write('And in each location, under Payments > Integrations: choose it and press Set as default.')
}

const typeOf = (payments: 'one-time' | 'recurring') =>
  payments === 'recurring' ? 'OneTime, Recurring and Off Session' : 'OneTime'
