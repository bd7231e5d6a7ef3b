import {
  listStandings,
  surveyLocations,
  type Standing,
  type Surveyed,
} from '../billers/highlevel/install/survey.ts'
import type { Config } from '../config.ts'
import type { Openfront } from '../openfront/client.ts'
import { openShops } from '../openfront/shops.ts'
import { tryOwnAccounts } from '../setup/enter-account.ts'
import { openServices, type Services } from '../setup/services.ts'
import type { Fetch } from '../vendor-fetch.ts'
import { openHighlevelBeside } from '../setup/open-highlevel.ts'
import { openLedger, type Ledger } from '../db/open-ledger.ts'

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
  /** Which of Lago's organisations is served; undefined while Lago is off. */
  organizationId: () => Promise<string | undefined>
  /** A shop, by the name of its store; undefined where its address is not set. */
  shop: (store: string) => Openfront | undefined
  lagoEndpoints: () => ReturnType<Services['installation']['listEndpoints']>
  dodoEndpoints: () => ReturnType<Services['account']['listEndpoints']>
  products: () => ReturnType<Services['account']['listProducts']>
  /** HighLevel's locations as they stand here, and as HighLevel has them. */
  standings: () => Promise<Standing[]>
  surveyed: () => Promise<Surveyed[]>
  /** Whether Dodo takes the keys that locations have entered. */
  ownAccounts: () => ReturnType<typeof tryOwnAccounts>
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
  const organization = ask(installation.getOrganization)
  const shops = openShops(options)
  const stopping = new AbortController()
  const openHighlevel = ask(async () =>
    openHighlevelBeside(await ledger(), { ...options, stop: stopping.signal }),
  )
  return {
    ...options,
    ...services,
    ledger,
    organization,
    organizationId: async () =>
      options.config.lago.isOn ? (await organization()).lago_id : undefined,
    shop: shops.find,
    lagoEndpoints: ask(installation.listEndpoints),
    dodoEndpoints: ask(account.listEndpoints),
    products: ask(account.listProducts),
    standings: ask(async () => listStandings(await openHighlevel())),
    ownAccounts: ask(async () => tryOwnAccounts(await openHighlevel())),
    surveyed: ask(async () => surveyLocations(await openHighlevel())),
    /** Gives up what is still being asked, and closes the database. */
    async release() {
      services.close()
      shops.close()
      stopping.abort()
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
