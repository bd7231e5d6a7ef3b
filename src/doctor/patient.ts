import type { Config } from '../config.ts'
import { openServices, type Services } from '../setup/services.ts'
import type { Fetch } from '../vendor-fetch.ts'
import { openLedger, type Ledger } from './ledger.ts'

export type Patient = Services & {
  config: Config
  /** What in the settings is probably not what somebody meant. */
  doubts: readonly string[]
  /** The names of the settings that are set. */
  given: readonly string[]
  isPublicUrlGiven: boolean
  fetch: Fetch
  now: () => Date
  /** Read once, whichever checks need it. */
  ledger: () => Promise<Ledger>
  organization: () => ReturnType<Services['installation']['getOrganization']>
  lagoEndpoints: () => ReturnType<Services['installation']['listEndpoints']>
  dodoEndpoints: () => ReturnType<Services['account']['listEndpoints']>
  products: () => ReturnType<Services['account']['listProducts']>
}

export type PatientOptions = Pick<
  Patient,
  'config' | 'doubts' | 'given' | 'isPublicUrlGiven' | 'fetch' | 'now'
>

/** All that checks look at. Nothing is opened before one of them asks. */
export function openPatient(options: PatientOptions): Patient & { release: () => Promise<void> } {
  const services = openServices(options.config, options)
  const { installation, account } = services
  let opened: Promise<Ledger> | undefined
  const ledger = () => (opened ??= openLedger(options.config))
  return {
    ...options,
    ...services,
    ledger,
    organization: ask(installation.getOrganization),
    lagoEndpoints: ask(installation.listEndpoints),
    dodoEndpoints: ask(account.listEndpoints),
    products: ask(account.listProducts),
    /** Gives up what is still being asked, and closes the database. */
    async release() {
      services.close()
      await opened?.then(
        (it) => it.close(),
        () => undefined,
      )
    },
  }
}

/** Several checks ask the same; the service is asked once, and an answer that is an error is everybody's. */
function ask<Value>(read: () => Promise<Value>): () => Promise<Value> {
  let answer: Promise<Value> | undefined
  return () => (answer ??= read())
}
