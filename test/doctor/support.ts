import { readSettings, SETTING_NAMES } from '../../src/config.ts'
import { doctor, type DoctorOptions } from '../../src/doctor/doctor.ts'
import type { Diagnosis } from '../../src/doctor/run.ts'
import { setup } from '../../src/setup/setup.ts'
import type { Fetch } from '../../src/vendor-fetch.ts'
import { DODO_KEY, HMAC_KEY, LAGO_KEY, WEBHOOK_SECRET, type World } from '../support/world.ts'

type Examining = DoctorOptions & {
  env?: Record<string, string>
  fetch?: Fetch
  now?: () => Date
}

/** How the world is reached from where `doctor` runs. */
export const fetchIn =
  ({ lago, dodo, get }: World): Fetch =>
  (input, init) => {
    const request = new Request(input instanceof URL ? input.href : (input as string), init)
    const { host, pathname } = new URL(request.url)
    if (host === 'lago.test') return lago.fetch(request)
    if (host === 'dodo.test') return dodo.fetch(request)
    if (host === 'bridge.test') return get(pathname, init)
    return Promise.reject(Object.assign(new Error('unknown host'), { code: 'ENOTFOUND' }))
  }

const settingsOf = (world: World, env: Record<string, string> = {}) => ({
  PUBLIC_URL: 'http://bridge.test',
  DATABASE_URL: world.databaseUrl,
  LAGO_API_URL: 'http://lago.test',
  LAGO_API_KEY: LAGO_KEY,
  LAGO_WEBHOOK_HMAC_KEY: HMAC_KEY,
  DODO_API_URL: 'http://dodo.test',
  DODO_API_KEY: DODO_KEY,
  DODO_WEBHOOK_SECRET: WEBHOOK_SECRET,
  RECONCILE_EVERY: '1h',
  ...env,
})

/** Runs `bridge doctor` there, and returns what it said. */
export async function examine(world: World, { env, fetch, now, ...options }: Examining = {}) {
  const environment: Record<string, string> = settingsOf(world, env)
  const lines: string[] = []
  const exitCode = await doctor(
    options,
    {
      ...readSettings(environment),
      given: SETTING_NAMES.filter((name) => environment[name]),
      fetch: fetch ?? fetchIn(world),
      now: now ?? (() => new Date()),
    },
    (line) => lines.push(line),
  )
  return { exitCode, text: lines.join('\n') }
}

/** The same, as programs read it: each check by its name. */
export async function diagnose(world: World, options: Examining = {}) {
  const { exitCode, text } = await examine(world, { ...options, isJson: true })
  const all = JSON.parse(text) as Diagnosis[]
  const of = (verdict: Diagnosis['verdict']) =>
    all.filter((one) => one.verdict === verdict).map(({ id }) => id)
  return {
    exitCode,
    failed: of('fail'),
    warned: of('warn'),
    skipped: of('skip'),
    find: (id: string) => all.find((one) => one.id === id),
  }
}

/** As `bridge setup` leaves it. */
export async function setUp(
  world: World,
  { env = {}, fetch = fetchIn(world) }: { env?: Record<string, string>; fetch?: Fetch } = {},
) {
  const { config } = readSettings(settingsOf(world, env))
  const exitCode = await setup(
    { isAgreed: true },
    {
      config,
      hasHmacKey: true,
      hasSecret: true,
      fetch,
      now: () => new Date(),
      write: () => undefined,
    },
  )
  if (exitCode !== 0) throw new Error('setup failed')
}
