import type { Config } from './config.ts'
import type { Deps } from './deps.ts'
import { messageOf, WrongAddress } from './errors.ts'
import type { KeyWatch } from './key-watch.ts'

type Introducing = Pick<Deps, 'lago' | 'dodo' | 'log'> & { config: Config; keys: KeyWatch }

/**
 * Reads once from each service, and says whom the bridge serves: keys of another organisation, business or mode
 * work perfectly, for somebody else. A service that is away is no reason to wait, or not to be ready.
 */
export async function introduce(deps: Introducing): Promise<void> {
  const lago = deps.config.lago.isOn ? [tell(deps, 'Lago', readLago)] : []
  await Promise.all([...lago, tell(deps, 'Dodo', readDodo)])
}

/** Asks again those that refused our key, so that the bridge is ready as soon as they take it. */
export async function introduceRefused(deps: Introducing): Promise<void> {
  const { keys } = deps
  if (keys.refused('Lago')) await tell(deps, 'Lago', readLago)
  if (keys.refused('Dodo')) await tell(deps, 'Dodo', readDodo)
}

async function tell(
  deps: Introducing,
  service: 'Lago' | 'Dodo',
  read: (deps: Introducing) => Promise<Record<string, unknown>>,
) {
  const { log, keys } = deps
  try {
    log.info(await read(deps), `serving ${service}`)
  } catch (error) {
    if (keys.refused(service)) return
    const level = error instanceof WrongAddress ? 'error' : 'warn'
    log[level]({ error: messageOf(error) }, `${service} could not be read at the start`)
  }
}

async function readLago({ lago, config }: Introducing) {
  const { name, lago_id } = await lago.getOrganization()
  const { url, license } = config.lago
  return { organization: name ?? null, lagoOrganizationId: lago_id, url, license }
}

async function readDodo({ dodo, config }: Introducing) {
  const { environment, url } = config.dodo
  const business = await dodo.findBusiness()
  return {
    mode: environment,
    businessId: business?.business_id ?? 'not told by Dodo',
    ...(business?.name && { brand: business.name }),
    url,
  }
}
