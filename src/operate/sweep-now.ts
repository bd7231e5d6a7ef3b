import type { Deps } from '../deps.ts'
import { wake } from '../wakes.ts'
import type { Outcome } from './audit.ts'

/** Has both services swept, by whichever process comes first. One that waits already is not doubled. */
export async function sweepNow(deps: Pick<Deps, 'db' | 'queue'>): Promise<Outcome> {
  await wake(deps, 'sweep', ['sweep'], 'operator')
  return { isDone: true, said: 'a sweep is asked for' }
}
