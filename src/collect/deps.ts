import type { Logger } from 'pino'

import type { Accounts } from '../accounts.ts'
import type { Urgency } from '../budget.ts'
import type { Config } from '../config.ts'
import type { Database } from '../db/client.ts'
import type { Dodo } from '../dodo/client.ts'
import type { Queue } from '../queue/queue.ts'
import type { Previews } from './act/previews.ts'
import type { Alone } from './alone.ts'
import type { Biller } from './receivable.ts'

/** Everything with a life of its own that collecting needs, whoever bills. Functions take the part of it that they use. */
export type Deps = {
  config: Config
  db: Database
  queue: Queue
  alone: Alone
  dodo: Dodo
  /** The Dodo account that `dodo` asks, by its id. */
  account: string
  /** All Dodo accounts that are served. */
  accounts: Accounts
  biller: Biller
  previews: Previews
  log: Logger
  now: () => Date
}

/** Everything to work with on one Dodo account, as urgently as said; undefined when there is no such account. */
export type OnAccount<On extends Deps = Deps> = (
  account: string,
  urgency: Urgency,
) => Promise<On | undefined>
