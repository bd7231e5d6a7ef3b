import type { Logger } from 'pino'

import type { Config } from './config.ts'
import type { Database } from './db/client.ts'
import type { Dodo } from './dodo/client.ts'
import type { Lago } from './lago/client.ts'
import type { Queue } from './queue/queue.ts'
import type { Alone } from './settle/alone.ts'

/** Everything with a life of its own. Functions take the part of it that they use. */
export type Deps = {
  config: Config
  db: Database
  queue: Queue
  alone: Alone
  lago: Lago
  dodo: Dodo
  /** The Lago organisation that we serve. What is marked as another's is not ours to touch. */
  organizationId: () => Promise<string>
  log: Logger
  now: () => Date
}
