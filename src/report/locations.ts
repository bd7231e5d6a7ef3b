import type { Installing } from '../billers/highlevel/install/installing.ts'
import { putRight, takeOut } from '../billers/highlevel/install/put-right.ts'
import {
  describeAccounts,
  listStandings,
  wantedFor,
  type Standing,
} from '../billers/highlevel/install/survey.ts'
import { ApiError, Later, PermanentError, reasonOf } from '../errors.ts'
import { alignColumns, type Write } from '../print/text.ts'

type Commanding = Pick<Installing, 'config' | 'db' | 'now'> & {
  highlevel: Installing['highlevel'] | undefined
}
export type LocationsOptions = { connect?: string; disconnect?: string }

/**
 * HighLevel's locations, as they stand; or puts one's record right, or takes it out. The exit code is 1 when that is
 * refused, with the reason.
 */
export async function locations(
  { highlevel, ...deps }: Commanding,
  { connect, disconnect }: LocationsOptions,
  write: Write,
): Promise<number> {
  if (!highlevel) {
    write('HighLevel is off: set HIGHLEVEL_CLIENT_ID and the three variables that go with it.')
    return 1
  }
  const serving = { ...deps, highlevel }
  const standings = await listStandings(serving)
  if (connect === undefined && disconnect === undefined) {
    list(standings, deps.now(), write)
    return 0
  }
  const named = connect ?? disconnect ?? ''
  const standing = standings.find(({ location }) => location.locationId === named)
  if (!standing) {
    write(`The bridge knows no location ${named}. Install the app there first.`)
    return 1
  }
  try {
    write(await change(serving, standing, connect === undefined ? 'disconnect' : 'connect'))
    return 0
  } catch (error) {
    const isTold =
      error instanceof ApiError || error instanceof Later || error instanceof PermanentError
    if (!isTold) throw error
    write(reasonOf(error))
    return 1
  }
}

async function change(
  deps: Pick<Installing, 'config' | 'db' | 'now' | 'highlevel'>,
  standing: Standing,
  wish: 'connect' | 'disconnect',
): Promise<string> {
  const { locationId, state } = standing.location
  if (wish === 'disconnect') {
    const done = await takeOut(deps, locationId)
    const said = done === 'taken_out' ? 'was taken out of HighLevel' : 'was not in HighLevel'
    return `Location ${locationId} ${said}, and stays out until --connect.`
  }
  if (!standing.isAllowed)
    throw new PermanentError(`HIGHLEVEL_LOCATIONS does not allow ${locationId}`)
  if (state === 'uninstalled' || state === 'awaiting')
    throw new PermanentError(`Location ${locationId} does not have the app: install it there`)
  const wanted = wantedFor(deps, standing)
  await putRight(deps, locationId, wanted)
  const modes = wanted.served.length > 0 ? wanted.served.join(' and ') : 'no mode'
  return `Location ${locationId} is connected: ${modes}.`
}

function list(standings: readonly Standing[], now: Date, write: Write) {
  if (standings.length === 0) {
    write('No location has installed the app.')
    return
  }
  const rows = standings.map((standing) => [
    standing.location.locationId,
    stateOf(standing),
    describeAccounts(standing.accounts),
    tokensOf(standing, now),
    standing.location.answeredAt?.toISOString() ?? 'never',
  ])
  const head = ['location', 'state', 'account', 'tokens', 'last call']
  for (const line of alignColumns([head, ...rows], { indent: '' })) write(line)
  for (const { location } of standings)
    if (location.problem !== null && location.state === 'installed')
      write(`${location.locationId}: ${location.problem}`)
}

function stateOf({ location, isAllowed }: Standing): string {
  if (!isAllowed) return 'not allowed'
  switch (location.state) {
    case 'uninstalled':
      return 'uninstalled'
    case 'awaiting':
    case 'needs_install':
      return 'needs install'
    case 'installed':
      if (location.takenOutAt) return 'taken out'
      return location.connectedAs === null ? 'connecting' : 'connected'
  }
}

function tokensOf({ tokens }: Standing, now: Date): string {
  if (tokens === null) return 'none'
  if (tokens.accessToken === null) return 'refused'
  const until = tokens.expiresAt.toISOString()
  return tokens.expiresAt > now ? `until ${until}` : `ended ${until}, refreshed when needed`
}
