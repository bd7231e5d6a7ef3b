import { Webhook } from 'standardwebhooks'

import type { Config } from '../config.ts'
import type { Fetch } from '../vendor-fetch.ts'

const PATIENCE_MS = 5_000
/** More of an answer is not read. */
const MAX_ANSWER_BYTES = 64 * 1024
/** Chats cut, or refuse, what is longer: the shortest limit is Discord's. */
const MAX_CHAT_LENGTH = 1_900
const CHAT_HOSTS =
  /^(?:hooks\.slack(?:-gov)?\.com|chat\.googleapis\.com|(?:\w+\.)?discord(?:app)?\.com)$/

type Alerts = Config['alerts'] & { url: string }
export type Told = {
  id: string
  type: string
  at: Date
  text: string
  data: Record<string, unknown>
}

/** The receiver did not take it, and why. It is tried again. */
export class NotTaken extends Error {
  override name = 'NotTaken' as const
}

/**
 * Hands one notification to whoever is to be told, and returns the status and the beginning of the answer. Signed as Standard
 * Webhooks say; the id is the same on each try. Throws `NotTaken` for everything but a 2xx, redirects included.
 */
export async function post(
  fetch: Fetch,
  alerts: Alerts,
  told: Told,
  now: Date,
): Promise<{ status: number; answer: string }> {
  const body = JSON.stringify(isForChat(alerts) ? asChat(told) : asEvent(told))
  const signature = alerts.secret && new Webhook(alerts.secret).sign(told.id, now, body)
  const init: RequestInit = {
    method: 'POST',
    body,
    headers: {
      'content-type': 'application/json',
      'webhook-id': told.id,
      'webhook-timestamp': String(Math.floor(now.getTime() / 1_000)),
      ...(signature && { 'webhook-signature': signature }),
    },
    redirect: 'manual',
    signal: AbortSignal.timeout(PATIENCE_MS),
  }
  try {
    const response = await fetch(alerts.url, init)
    const answer = await readStart(response)
    if (response.ok) return { status: response.status, answer }
    throw new NotTaken(`it answered ${response.status}${answer && `: ${answer}`}`)
  } catch (error) {
    if (error instanceof NotTaken) throw error
    const isLate = error instanceof Error && error.name === 'TimeoutError'
    // The address may be a secret, and the message of an error may repeat it.
    throw new NotTaken(isLate ? 'it did not answer within 5 s' : 'it cannot be reached', {
      cause: error,
    })
  }
}

/** Whether the receiver shows a text, or reads an event. */
function isForChat({ format, url }: Alerts): boolean {
  if (format !== 'auto') return format === 'slack'
  return CHAT_HOSTS.test(new URL(url).hostname)
}

/** A chat takes what is between angle brackets for a link, or for somebody to be called. */
const asChat = ({ text }: Told) => ({
  text: text.replaceAll('<', '‹').replaceAll('>', '›').slice(0, MAX_CHAT_LENGTH),
})

const asEvent = ({ type, at, text, data }: Told) => ({ type, timestamp: at, text, data })

async function readStart({ body }: Response): Promise<string> {
  if (!body) return ''
  const reader = body.getReader()
  const pieces: Uint8Array[] = []
  for (let bytes = 0; bytes < MAX_ANSWER_BYTES;) {
    const { done, value } = await reader.read()
    if (done) break
    bytes += value.byteLength
    pieces.push(value)
  }
  await reader.cancel().catch(() => undefined)
  const text = Buffer.concat(pieces).toString('utf8')
  return text.replaceAll(/\s+/g, ' ').trim().slice(0, 200)
}
