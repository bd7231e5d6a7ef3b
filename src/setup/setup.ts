import type { Config } from '../config.ts'
import { PermanentError, reasonOf } from '../errors.ts'
import { alignColumns, type Write } from '../print/text.ts'
import type { Fetch } from '../vendor-fetch.ts'
import { explainRefusal } from './explain-refusal.ts'
import { findUnreachable, identify, type Identity } from './identify.ts'
import { findDodoEndpoint, planDodo, TEST_PATH } from './plan-dodo.ts'
import { planLago } from './plan-lago.ts'
import { planHighlevel, writeMarketplaceApp } from './plan-highlevel.ts'
import { listCurrencies, planProducts } from './plan-products.ts'
import { openServices, type Services } from './services.ts'
import { describeStores } from './stores.ts'
import { changesAnything, type Plan, type Step } from './step.ts'

/** Wrong usage. */
const USAGE = 2

export type SetupOptions = {
  /** Nobody is asked. */
  isAgreed?: boolean
  /** Only says what would be done. */
  isDryRun?: boolean
  /** Without them, those that Lago has. */
  currencies?: readonly string[] | undefined
}
export type SetupIo = {
  config: Config
  /** Whether somebody has set them already. */
  hasHmacKey: boolean
  hasSecret: boolean
  hasTestSecret?: boolean
  fetch: Fetch
  now: () => Date
  write: Write
  /** Asks a person; without one, there is nobody to ask. */
  ask?: ((question: string) => Promise<boolean>) | undefined
  /** Puts a setting where the bridge finds it, instead of printing it. */
  save?: ((name: string, value: string) => Promise<void>) | undefined
}

/**
 * Makes both services send this bridge exactly the events in use, and makes the products that it needs. Run again it
 * changes nothing. The exit code is 1 when something was refused, with the reason, and 2 when nobody agreed.
 */
export async function setup(options: SetupOptions, io: SetupIo): Promise<number> {
  const services = openServices(io.config, io)
  let hasRead = false
  let release: (() => Promise<void>) | undefined
  const stopping = new AbortController()
  try {
    const unreachable = findUnreachable(io.config)
    if (unreachable) throw new PermanentError(unreachable)
    const identity = await identify(services, io)
    hasRead = true
    introduce(identity, services, io)
    const ofHighlevel = await planHighlevel({ ...io, stop: stopping.signal })
    release = ofHighlevel.release
    const plans = [...(await planAll(services, identity, { options, io })), ofHighlevel.plan]
    for (const line of alignColumns(plans.flatMap(shown))) io.write(line)
    if (options.isDryRun) {
      io.write('Nothing was changed: this was a dry run.')
      return 0
    }
    const isChanging = plans.some(changesAnything)
    if (isChanging && !options.isAgreed) {
      if (!io.ask) {
        io.write('Nothing was changed. Run it again with --yes to do this.')
        return USAGE
      }
      if (!(await io.ask('Go on? [y/N] '))) {
        io.write('Nothing was changed.')
        return 1
      }
    }
    for (const { run } of plans.flatMap(({ steps }) => steps)) await run?.()
    await handOver(services, io, isChanging)
    for (const { run } of plans.flatMap(({ afterwards }) => afterwards)) await run?.()
    io.write(isChanging ? 'Done. Then: bridge doctor' : 'Then: bridge doctor')
    return 0
  } catch (error) {
    io.write(explainRefusal(error, { hasRead }))
    return 1
  } finally {
    services.close()
    stopping.abort()
    await release?.()
  }
}

function introduce(identity: Identity, { lago }: Services, { config, write }: SetupIo) {
  const release = lago.release.number()
  const known = release ? `Lago ${release}` : 'a Lago that does not say which release it is'
  if (config.lago.isOn) {
    write(`Lago    ${config.lago.url}, organisation ${identity.organization ?? ''}, ${known}`)
  }
  write(`Dodo    ${config.dodo.environment} mode, business ${identity.business}`)
  write('')
}

async function planAll(
  services: Services,
  identity: Identity,
  { options, io: { config } }: { options: SetupOptions; io: SetupIo },
): Promise<Plan[]> {
  const { organizationId } = identity
  const ofDodo = [
    await planDodo({ ...services, config, organizationId }),
    ...(services.test
      ? [await planDodo({ config, account: services.test, organizationId, path: TEST_PATH })]
      : []),
  ]
  // Products of orders are made when the first order of a currency comes.
  if (organizationId === undefined) return ofDodo
  const deps = { ...services, config, organizationId }
  const currencies = options.currencies ?? (await listCurrencies(services))
  const ofLago = await planLago(deps, { isAsked: !options.isAgreed })
  return [ofLago, ...ofDodo, await planProducts(deps, currencies)]
}

const shown = ({ steps, afterwards }: Plan) =>
  [...steps, ...afterwards].map(({ what, verb, about }: Step) => [what, verb, about])

async function handOverSecret(
  { config, write, save }: SetupIo,
  {
    account,
    known,
    name,
    path,
  }: {
    account: Services['account']
    known: readonly string[]
    name: string
    path?: typeof TEST_PATH
  },
) {
  const endpoint = await findDodoEndpoint({ account, config, path })
  if (!endpoint) throw new PermanentError('Dodo does not list the endpoint: run setup again')
  const secret = await account.getSecret(endpoint.id)
  if (known.includes(secret)) return
  // What is still on its way may be signed with the one before.
  const value = [secret, ...known].join(',')
  if (save) {
    try {
      await save(name, value)
      write(`${name} was saved.`)
      return
    } catch (error) {
      // The endpoint is there: without its secret nobody could take what it sends.
      write(`${name} could not be saved: ${reasonOf(error)}`)
    }
  }
  write('Put this into your settings, and restart the bridge:')
  write(`  ${name}=${value}`)
}

/** The secret that only Dodo knows, and what only a person can look up. */
async function handOver(services: Services, io: SetupIo, isChanged: boolean) {
  const { config, write } = io
  write('')
  if (!isChanged) write('Nothing to change.')
  const { account, test } = services
  const known = io.hasSecret ? config.dodo.webhookSecrets : []
  await handOverSecret(io, { account, known, name: 'DODO_WEBHOOK_SECRET' })
  if (test && config.dodoTest) {
    const ofTest = io.hasTestSecret ? config.dodoTest.webhookSecrets : []
    const name = 'DODO_TEST_WEBHOOK_SECRET'
    await handOverSecret(io, { account: test, known: ofTest, name, path: TEST_PATH })
  }
  if (config.lago.isOn && config.lago.signature === 'hmac' && !io.hasHmacKey) {
    write("One thing only a person can do, since Lago's API does not show it:")
    write(
      services.lago.can('own_hmac_key')
        ? '  LAGO_WEBHOOK_HMAC_KEY   Lago > Developers > Webhooks > HMAC signature token'
        : '  LAGO_WEBHOOK_HMAC_KEY   the value of LAGO_API_KEY: Lago before 1.16 signs with it',
    )
  }
  for (const line of describeStores(config)) write(line)
  writeMarketplaceApp(config, write)
}
