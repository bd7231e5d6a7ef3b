import type { Config } from '../../config.ts'
import { messageOf } from '../../errors.ts'
import type { Fetch } from '../../vendor-fetch.ts'

/** What everything that a probe makes is called, so that it is found again if it is left behind. */
export const PROBE_MARK = 'bridge-probe'
const ANSWER_MS = 25_000
const MAX_TEXT_LENGTH = 300

export type Service = 'Lago' | 'Dodo'
/** An answer as it came, with whatever of it is JSON. */
export type Seen = { status: number; headers: Headers; text: string; json: Record<string, unknown> }
type Made = { what: string; remove: () => Promise<Seen> }

export type Lab = ReturnType<typeof openLab>

/** Both services in their own words, and a list of what was made, which `clear` removes again. */
export function openLab({
  config,
  fetch,
  signal,
}: {
  config: Pick<Config, 'lago' | 'dodo' | 'publicUrl'>
  fetch: Fetch
  /** Ends the asking, not the removing. */
  signal: AbortSignal
}) {
  const made: Made[] = []
  const places = {
    Lago: { base: `${config.lago.url}/api/v1`, key: config.lago.apiKey },
    Dodo: { base: config.dodo.url, key: config.dodo.apiKey },
  } as const

  async function send(
    service: Service,
    request: string,
    {
      body,
      headers,
      until,
    }: { body?: unknown; headers?: Record<string, string>; until?: AbortSignal },
  ): Promise<Seen> {
    const [method = 'GET', path = ''] = request.split(' ')
    const { base, key } = places[service]
    const response = await fetch(`${base}${path}`, {
      method,
      redirect: 'manual',
      signal: AbortSignal.any([AbortSignal.timeout(ANSWER_MS), ...(until ? [until] : [])]),
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json', ...headers },
      ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    })
    const text = await response.text()
    return { status: response.status, headers: response.headers, text, json: readJson(text) }
  }

  return {
    publicUrl: config.publicUrl,
    /** `request` is like `POST /products`. A body that is a text is sent as it is. */
    ask: (
      service: Service,
      request: string,
      { body, headers }: { body?: unknown; headers?: Record<string, string> } = {},
    ) =>
      send(service, request, {
        until: signal,
        ...(body !== undefined && { body }),
        ...(headers && { headers }),
      }),
    /** Says how what was made is removed; done at the end, the last first. */
    made: (service: Service, what: string, request: string) =>
      void made.push({ what, remove: () => send(service, request, {}) }),
    /** Removes all that was made. What could not be removed is named. */
    async clear(): Promise<string[]> {
      const left: string[] = []
      for (const { what, remove } of made.splice(0).toReversed()) {
        const problem = await remove().then(
          ({ status }) => (status < 300 || status === 404 ? undefined : `answered ${status}`),
          messageOf,
        )
        if (problem !== undefined) left.push(`${what} (${problem})`)
      }
      return left
    },
  }
}

function readJson(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
  } catch {
    return {}
  }
}

/** An answer in a few words: its status, and what it says. */
export function describe({ status, json, text, headers }: Seen): string {
  const said = json['code'] ?? json['message'] ?? json['error']
  const type = headers.get('content-type')?.split(';')[0] ?? 'no type'
  const words = typeof said === 'string' ? said : text.slice(0, 60).replaceAll(/\s+/g, ' ')
  return `${status} ${words.slice(0, MAX_TEXT_LENGTH) || `an empty answer (${type})`}`
}

/** One field of an answer, or of an object in it. */
export const field = (object: unknown, ...path: string[]): unknown =>
  path.reduce<unknown>(
    (value, name) =>
      typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined,
    object,
  )

/** The objects of a list. */
export function rowsOf({ json }: Seen, name: string): Record<string, unknown>[] {
  const rows = json[name]
  return Array.isArray(rows) ? (rows as Record<string, unknown>[]) : []
}
