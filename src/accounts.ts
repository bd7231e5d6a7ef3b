import { DEFAULT_ACCOUNT } from './account-key.ts'
import type { Urgency } from './budget.ts'
import type { Config } from './config.ts'
import type { Dodo } from './dodo/client.ts'
import { createDodoVerifier } from './dodo/signature.ts'

export type Mode = 'test' | 'live'
/** The deployment's second account, of test mode beside a live one. */
const TEST_ACCOUNT = 'test'

/** What it takes to use a Dodo account. */
export type AccountKeys = {
  id: string
  mode: Mode
  url: string
  apiKey: string
  /** What its key is called by who can mend it: a variable, or whose it is. */
  keyName: string
  /** Any of them may sign what it sends. */
  webhookSecrets: readonly string[]
}

/** A Dodo account that is served: its clients, which share a budget of its own, and what verifies its webhooks. */
export type Account = {
  id: string
  mode: Mode
  url: string
  dodo: Record<Urgency, Dodo>
  verify: ReturnType<typeof createDodoVerifier>
}

/** Where accounts are found that are no deployment's own; asked each time, so that a changed key holds at once. */
export type StoredAccounts = {
  find: (id: string) => Promise<AccountKeys | undefined>
  /** All that something was opened on. */
  list: () => Promise<AccountKeys[]>
}

export type Accounts = ReturnType<typeof createAccounts>

/** No account that is stored. */
const NO_STORED_ACCOUNTS: StoredAccounts = {
  find: async () => undefined,
  list: async () => [],
}

/**
 * Every Dodo account that this deployment may use. Each has clients, a request budget, a webhook secret and products
 * of its own; nothing of one is ever asked of, or believed from, another.
 */
export function createAccounts(
  config: Pick<Config, 'dodo' | 'dodoTest'>,
  {
    own,
    connect,
    now,
    stored = NO_STORED_ACCOUNTS,
  }: {
    /** The clients of the deployment's own account. */
    own: Record<Urgency, Dodo>
    /** Makes the clients of another one. */
    connect: (keys: AccountKeys) => Record<Urgency, Dodo>
    now: () => Date
    stored?: StoredAccounts | undefined
  },
) {
  const opened = new Map<string, { keys: AccountKeys; account: Account }>()
  const { environment, webhookSecrets } = config.dodo
  const main: Account = {
    id: DEFAULT_ACCOUNT,
    mode: environment,
    url: config.dodo.url,
    dodo: own,
    verify: createDodoVerifier(webhookSecrets, now),
  }
  const test =
    config.dodoTest &&
    open({ ...config.dodoTest, id: TEST_ACCOUNT, mode: 'test', keyName: 'DODO_TEST_API_KEY' })

  /** The same clients for as long as the keys are the same: a budget counts what was asked before. */
  function open(keys: AccountKeys): Account {
    const before = opened.get(keys.id)
    if (before && isSame(before.keys, keys)) return before.account
    const { id, mode, url } = keys
    const account = {
      id,
      mode,
      url,
      dodo: connect(keys),
      verify: createDodoVerifier(keys.webhookSecrets, now),
    }
    opened.set(id, { keys, account })
    return account
  }

  return {
    /** The account of that id; undefined when there is none. */
    async of(id: string): Promise<Account | undefined> {
      if (id === DEFAULT_ACCOUNT) return main
      if (id === TEST_ACCOUNT) return test
      const keys = await stored.find(id)
      return keys && open(keys)
    },
    /** Every account on which something may have been opened. */
    async list(): Promise<Account[]> {
      const others = (await stored.list()).map(open)
      return [main, ...(test ? [test] : []), ...others]
    },
    /** The deployment's own account that collects in a mode; undefined for a mode that it does not serve. */
    ofMode(mode: Mode): Account | undefined {
      return [main, test].find((one) => one?.mode === mode)
    },
  }
}

const isSame = (one: AccountKeys, other: AccountKeys) =>
  one.apiKey === other.apiKey &&
  one.url === other.url &&
  one.mode === other.mode &&
  one.webhookSecrets.join(' ') === other.webhookSecrets.join(' ')
