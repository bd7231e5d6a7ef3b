import type { Executor } from '../db/client.ts'
import { operatorActions } from '../db/schema.ts'

/** Who does something, as far as they say: a token has no name. */
export type Actor = {
  who: string
  role: 'admin' | 'operator' | 'viewer'
  /** What they do is written down already, by the form that asked for it. */
  isOnRecord?: boolean
}

/** Whoever runs a command on the bridge's own machine. */
export const COMMAND_LINE: Actor = { who: 'command line', role: 'operator' }

const MAX_LENGTH = 500

/** Writes down what a person did, in the transaction that does it. The rows are never changed, but that a
 * customer who is forgotten is taken out of the words. */
export async function audit(
  db: Executor,
  { who, role, isOnRecord = false }: Actor,
  { action, subject, outcome }: { action: string; subject: string; outcome: string },
  at: Date,
): Promise<void> {
  if (isOnRecord) return
  const [shortSubject, shortOutcome] = [subject.slice(0, MAX_LENGTH), outcome.slice(0, MAX_LENGTH)]
  await db
    .insert(operatorActions)
    .values({ at, who, role, action, subject: shortSubject, outcome: shortOutcome })
}
