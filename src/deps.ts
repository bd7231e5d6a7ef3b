import type { Logger } from 'pino'

import type { Accounts } from './accounts.ts'
import type { Sources } from './billers/orders/source.ts'
import type { Previews } from './collect/act/previews.ts'
import type { Alone } from './collect/alone.ts'
import type { Biller } from './collect/receivable.ts'
import type { Config } from './config.ts'
import type { Database } from './db/client.ts'
import type { Dodo } from './dodo/client.ts'
import type { Lago } from './lago/client.ts'
import type { Queue } from './queue/queue.ts'

/** Everything with a life of its own. Functions take the part of it that they use. */
export type Deps = {
  config: Config
  db: Database
  queue: Queue
  alone: Alone
  lago: Lago
  dodo: Dodo
  /** The Dodo account that `dodo` asks, by its id. */
  account: string
  /** All Dodo accounts that are served. */
  accounts: Accounts
  biller: Biller
  /** The sources of orders that are switched on. */
  sources: Sources
  previews: Previews
  /** The Lago organisation that we serve. What is marked as another's is not ours to touch. */
  organizationId: () => Promise<string>
  log: Logger
  now: () => Date
}
