import { createBudget } from '../budget.ts'
import type { Config } from '../config.ts'
import { createDodoAccount } from '../dodo/account.ts'
import { createDodo } from '../dodo/client.ts'
import { createLago } from '../lago/client.ts'
import { createLagoInstallation } from '../lago/installation.ts'
import { createLagoRelease, readLagoVersion } from '../lago/release.ts'
import { createPatientFetch } from '../net/patient-fetch.ts'
import { createVendorFetch, type Fetch } from '../vendor-fetch.ts'

export type Services = ReturnType<typeof openServices>

/** Both services for a command that needs no database, within the request limits of one process. */
export function openServices(
  config: Pick<Config, 'lago' | 'dodo' | 'dodoTest' | 'rateLimits'>,
  { fetch, now }: { fetch: Fetch; now: () => Date },
) {
  const stopping = new AbortController()
  const budgets = {
    Lago: createBudget('Lago', config.rateLimits.Lago, now),
    Dodo: createBudget('Dodo', config.rateLimits.Dodo, now),
  }
  const plug = (service: 'Lago' | 'Dodo') => {
    const plugged = createVendorFetch({
      service,
      fetch,
      budget: budgets[service],
      urgency: 'urgent',
      stop: stopping.signal,
      readTimeoutMs: config.lago.readTimeoutMs,
    })
    return createPatientFetch(plugged, { now, stop: stopping.signal })
  }
  const lago = { ...config.lago, fetch: plug('Lago') }
  const dodo = { ...config.dodo, fetch: plug('Dodo') }
  const test = config.dodoTest && { ...config.dodoTest, fetch: plug('Dodo') }
  const release = createLagoRelease(() => readLagoVersion(lago), now)
  return {
    lago: createLago({ ...lago, release }),
    installation: createLagoInstallation(lago),
    dodo: createDodo(dodo),
    account: createDodoAccount(dodo),
    /** The deployment's second account; undefined when there is none. */
    test: test && createDodoAccount(test),
    dodoTest: test && createDodo(test),
    /** Gives up the calls in hand. */
    close() {
      stopping.abort()
      for (const budget of Object.values(budgets)) budget.close()
    },
  }
}
