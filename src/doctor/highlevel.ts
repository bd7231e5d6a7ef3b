import { listUnshown } from '../billers/highlevel/recurring/trouble.ts'
import { SCOPES } from '../highlevel/oauth.ts'
import { reasonOf } from '../errors.ts'
import { fail, ok, skip, warn, type Check, type Finding } from './check.ts'
import { describeSeconds, readSecondsAhead } from './clock.ts'
import type { Patient } from './patient.ts'

const WARN_SECONDS = 30
const FAIL_SECONDS = 240
const MAX_NAMED = 5
/** Many locations are asked, a few at a time. */
const LIMIT_MS = 60_000
const MAX_HELD = 1_000

const named = (ids: readonly string[]) =>
  ids.length <= MAX_NAMED
    ? ids.join(', ')
    : `${ids.slice(0, MAX_NAMED).join(', ')} and ${ids.length - MAX_NAMED} more`

const idsOf = (found: readonly { location: { locationId: string } }[]) =>
  named(found.map(({ location }) => location.locationId))

const https: Check = {
  id: 'highlevel.https',
  run: ({ config }) =>
    config.publicUrl.startsWith('https:')
      ? ok(`${config.publicUrl} can be framed by HighLevel's pages`)
      : fail(
          `PUBLIC_URL is ${config.publicUrl}: browsers frame no http page within HighLevel's https pages`,
          'put the bridge behind https, and set PUBLIC_URL to that address',
        ),
}

const clock: Check = {
  id: 'highlevel.clock',
  async run(patient) {
    const { url = '' } = patient.config.highlevel ?? {}
    const apart = await readSecondsAhead(patient, 'HighLevel', url)
    if (!apart) return skip('HighLevel does not say what time it is')
    const evidence = describeSeconds('HighLevel', apart.seconds)
    const size = Math.abs(apart.seconds)
    const fix = 'turn on time synchronisation (NTP) on this machine'
    if (size > FAIL_SECONDS) return fail(evidence, fix)
    return size > WARN_SECONDS ? warn(evidence, fix) : ok(evidence)
  },
}

const allowed: Check = {
  id: 'highlevel.allowed',
  needs: ['schema'],
  async run({ standings, config }) {
    const all = await standings()
    const { allowedLocations = [], allowedCompanies = [] } = config.highlevel ?? {}
    const strangers = all.filter((one) => one.location.state === 'installed' && !one.isAllowed)
    if (strangers.length > 0) {
      return fail(
        `${idsOf(strangers)} installed the app, and HIGHLEVEL_LOCATIONS does not allow it: it is refused everything`,
        'add it to HIGHLEVEL_LOCATIONS, or uninstall the app there',
      )
    }
    const known = new Set(
      all
        .filter(({ location }) => location.state !== 'uninstalled')
        .flatMap(({ location }) => [location.locationId, `company:${location.companyId ?? ''}`]),
    )
    const entries = [...allowedLocations, ...allowedCompanies.map((id) => `company:${id}`)]
    const missing = entries.filter((entry) => !known.has(entry))
    return missing.length === 0
      ? ok(`${entries.length} allowed, all have the app`)
      : warn(
          `${named(missing)} is allowed, and has not installed the app`,
          `install it: ${config.publicUrl}/highlevel/install`,
        )
  },
}

const tokens: Check = {
  id: 'highlevel.tokens',
  needs: ['schema'],
  limitMs: LIMIT_MS,
  async run(patient) {
    const all = await patient.standings()
    const lost = all.filter(
      ({ location, isAllowed }) =>
        isAllowed && (location.state === 'needs_install' || location.state === 'awaiting'),
    )
    if (lost.length > 0) return fail(`${idsOf(lost)}: needs install`, installAgain(patient))
    const asked = await patient.surveyed()
    if (asked.length === 0) return skip('no location has installed the app')
    const failed = asked.filter(({ problem }) => problem !== undefined)
    const [first] = failed
    return first
      ? fail(`${idsOf(failed)}: ${reasonOf(first.problem)}`, installAgain(patient))
      : ok(`HighLevel takes those of ${asked.length} locations`)
  },
}

const installAgain = ({ config }: Patient) =>
  `install the app again there: ${config.publicUrl}/highlevel/install`

const scopes: Check = {
  id: 'highlevel.scopes',
  needs: ['highlevel.tokens'],
  async run({ surveyed }) {
    const lacking = (await surveyed()).flatMap(({ location, tokens: row }) => {
      if (!row?.scope) return []
      const given = row.scope.split(' ')
      const missing = SCOPES.filter((scope) => !given.includes(scope))
      return missing.length > 0 ? [`${location.locationId} lacks ${missing.join(', ')}`] : []
    })
    return lacking.length === 0
      ? ok('all that is needed was granted')
      : fail(named(lacking), 'give the marketplace app these scopes, and install it there again')
  },
}

const provider: Check = {
  id: 'highlevel.provider',
  needs: ['highlevel.tokens'],
  limitMs: LIMIT_MS,
  async run({ surveyed }) {
    const all = await surveyed()
    const wrong = all.filter(({ differences }) => differences.length > 0)
    return wrong.length === 0
      ? ok(`${all.length} provider records lead here, with our keys`)
      : fail(
          named(
            wrong.map(
              ({ location, differences }) => `${location.locationId}: ${differences.join('; ')}`,
            ),
          ),
          'run `bridge setup`, or `bridge locations --connect <id>`',
        )
  },
}

const modes: Check = {
  id: 'highlevel.modes',
  needs: ['schema'],
  async run({ standings }): Promise<Finding> {
    const all = (await standings()).filter(
      ({ location, isAllowed }) => isAllowed && location.state === 'installed',
    )
    if (all.length === 0) return skip('no location has installed the app')
    const idle = all.filter(({ accounts }) => accounts.live === 'none' && accounts.test === 'none')
    const count = (mode: 'live' | 'test') => all.filter(({ accounts }) => accounts[mode] !== 'none')
    return idle.length === 0
      ? ok(
          `live is served for ${count('live').length} of ${all.length}, test for ${count('test').length}`,
        )
      : warn(
          `${idsOf(idle)} has no Dodo account, so that nothing is collected there`,
          'enter one on the settings page in HighLevel, or set HIGHLEVEL_ACCOUNTS=shared',
        )
  },
}

const accounts: Check = {
  id: 'highlevel.accounts',
  needs: ['schema'],
  limitMs: LIMIT_MS,
  async run({ ownAccounts }) {
    const all = await ownAccounts()
    if (all.length === 0) return skip('no location has entered a Dodo account of its own')
    const broken = all.filter(({ problem }) => problem !== undefined)
    return broken.length === 0
      ? ok(
          `Dodo takes the keys of ${all.length} accounts that locations have entered, and sends here`,
        )
      : fail(
          named(
            broken.map(({ tenant, mode, problem }) => `${tenant}, ${mode} mode: ${problem ?? ''}`),
          ),
          'enter an API key of that account on the settings page of that location in HighLevel: the webhook is registered with it',
        )
  },
}

/** What an order shows needs attention there. */
const subscriptions: Check = {
  id: 'highlevel.subscriptions',
  needs: ['schema'],
  async run({ ledger }) {
    const held = await listUnshown((await ledger()).db, MAX_HELD)
    return held.length === 0
      ? ok('none is held without an order that shows it')
      : warn(
          named(
            held.map(
              ({ locationId, subscriptionId, trouble }) =>
                `${subscriptionId} of ${locationId}: ${trouble ?? ''}`,
            ),
          ),
          'put it right in HighLevel, which is asked again each day, or cancel it there; nothing is charged until then',
        )
  },
}

/** What is asked besides while HighLevel is on; docs/highlevel.md explains each. */
export const HIGHLEVEL_CHECKS: readonly Check[] = [
  https,
  clock,
  allowed,
  tokens,
  scopes,
  provider,
  modes,
  accounts,
  subscriptions,
]
