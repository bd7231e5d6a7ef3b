import type { Config } from '../config.ts'
import { PermanentError } from '../errors.ts'
import { alignColumns, type Write } from '../report/text.ts'
import type { Fetch } from '../vendor-fetch.ts'
import { explainRefusal } from './explain-refusal.ts'
import { findUnreachable, identify, type Identity } from './identify.ts'
import { findDodoEndpoint, planDodo } from './plan-dodo.ts'
import { planLago } from './plan-lago.ts'
import { listCurrencies, planProducts } from './plan-products.ts'
import { openServices, type Services } from './services.ts'
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
  try {
    const unreachable = findUnreachable(io.config)
    if (unreachable) throw new PermanentError(unreachable)
    const identity = await identify(services, io)
    hasRead = true
    introduce(identity, services, io)
    const plans = await planAll(services, identity, { options, io })
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
  }
}

function introduce(identity: Identity, { lago }: Services, { config, write }: SetupIo) {
  const release = lago.release.number()
  const known = release ? `Lago ${release}` : 'a Lago that does not say which release it is'
  write(`Lago    ${config.lago.url}, organisation ${identity.organization}, ${known}`)
  write(`Dodo    ${config.dodo.environment} mode, business ${identity.business}`)
  write('')
}

async function planAll(
  services: Services,
  { organizationId }: Identity,
  { options, io: { config } }: { options: SetupOptions; io: SetupIo },
): Promise<Plan[]> {
  const deps = { ...services, config, organizationId }
  const currencies = options.currencies ?? (await listCurrencies(services))
  return [await planLago(deps), await planDodo(deps), await planProducts(deps, currencies)]
}

const shown = ({ steps, afterwards }: Plan) =>
  [...steps, ...afterwards].map(({ what, verb, about }: Step) => [what, verb, about])

/** The secret that only Dodo knows, and what only a person can look up. */
async function handOver(services: Services, io: SetupIo, isChanged: boolean) {
  const { config, write, save } = io
  const endpoint = await findDodoEndpoint({ ...services, config })
  if (!endpoint) throw new PermanentError('Dodo does not list the endpoint: run setup again')
  const secret = await services.account.getSecret(endpoint.id)
  const known = io.hasSecret ? config.dodo.webhookSecrets : []

  write('')
  if (!isChanged) write('Nothing to change.')
  if (!known.includes(secret)) {
    // What is still on its way may be signed with the one before.
    const value = [secret, ...known].join(',')
    if (save) {
      await save('DODO_WEBHOOK_SECRET', value)
      write('DODO_WEBHOOK_SECRET was saved.')
    } else {
      write('Put this into your settings, and restart the bridge:')
      write(`  DODO_WEBHOOK_SECRET=${value}`)
    }
  }
  if (config.lago.signature === 'hmac' && !io.hasHmacKey) {
    write("One thing only a person can do, since Lago's API does not show it:")
    write(
      services.lago.can('own_hmac_key')
        ? '  LAGO_WEBHOOK_HMAC_KEY   Lago > Developers > Webhooks > HMAC signature token'
        : '  LAGO_WEBHOOK_HMAC_KEY   the value of LAGO_API_KEY: Lago before 1.16 signs with it',
    )
  }
}
