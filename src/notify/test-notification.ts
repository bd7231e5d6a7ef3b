import type { Deps } from '../deps.ts'
import type { Write } from '../print/text.ts'
import type { Fetch } from '../vendor-fetch.ts'
import { NotTaken, post } from './post.ts'
import { newId } from './watch.ts'

/** Sends one notification at once and prints what the receiver answers. The exit code is 1 if it does not take it. */
export async function testNotification(
  { config, now }: Pick<Deps, 'config' | 'now'>,
  fetch: Fetch,
  write: Write,
): Promise<number> {
  const { url } = config.alerts
  if (url === undefined) {
    write('Nobody is told anything: set ALERT_WEBHOOK_URL.')
    return 1
  }
  const told = {
    id: newId(),
    type: 'test',
    at: now(),
    text: '● a test of the bridge: what is wrong will be told here',
    data: { mode: config.dodo.environment },
  }
  const host = new URL(url).host
  try {
    const { status, answer } = await post(fetch, { ...config.alerts, url }, told, now())
    write(`${host} took ${told.id} (${status})${answer && `: ${answer}`}`)
    return 0
  } catch (error) {
    if (!(error instanceof NotTaken)) throw error
    write(`${host} did not take it: ${error.message}`)
    return 1
  }
}
