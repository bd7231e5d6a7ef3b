import { explain } from '../../src/report/explain.ts'
import type { Fetch } from '../../src/vendor-fetch.ts'
import { signIn } from '../http/dashboard/support.ts'
import { createHeardLog } from '../support/heard-log.ts'
import { ADMIN_TOKEN, openWorld } from '../support/world.ts'
import { diagnose, fetchIn } from './support.ts'

const WARN = 40
const PAGES = ['', '/attention', '/health', '/deliveries/refused']

/** Everything that says what is wrong, as text: of `doctor` what failed or warned, of the log what is no news. */
export type Told = Record<'doctor' | 'explain' | 'dashboard' | 'metrics' | 'log' | 'ready', string>

/** `now` is the clock of `doctor`, `through` who answers there at other hosts. */
type Examining = {
  /** Of the dashboard. */
  pages?: readonly string[]
  now?: () => Date
  isDated?: boolean
  through?: Record<string, (request: Request) => Promise<Response> | Response>
}

/** A bridge that runs with a mistake in it, and all who can be asked what is wrong. */
export async function openMistaken(options: Parameters<typeof openWorld>[0] = {}) {
  const { log, lines } = createHeardLog()
  const world = await openWorld({ unproven: 'mistakes are made on purpose', ...options, log })
  const server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    idleTimeout: 60,
    fetch: world.bridge.app.fetch,
  })
  const token = options.env?.['ADMIN_TOKEN'] ?? ADMIN_TOKEN
  const headers = { Authorization: `Bearer ${token}` }

  async function readPages(paths: readonly string[]): Promise<string> {
    const ana = await signIn(`http://127.0.0.1:${server.port}`, { token })
    const pages = await Promise.all(paths.map((path) => ana.text(`/dashboard${path}`)))
    return pages.map(textOf).join('\n')
  }

  return {
    world,
    async ask(
      id: string,
      { now, isDated = false, through, pages = PAGES }: Examining = {},
    ): Promise<Told> {
      await world.bridge.watch().catch(() => undefined)
      const explained: string[] = []
      const { deps } = world.bridge
      await explain(deps, id, (line) => explained.push(line)).catch((error: unknown) =>
        explained.push(String(error)),
      )
      const dashboard = await readPages(pages)
      const metrics = await (await world.get('/metrics', { headers })).text()
      const { failed, warned, find } = await diagnose(world, {
        ...(options.env && { env: options.env }),
        ...(now && { now }),
        ...(isDated && { fetch: dated(fetchIn(world)) }),
        ...(through && { fetch: toThese(through, fetchIn(world)) }),
      })
      return {
        doctor: [...failed, ...warned]
          .map((one) => `${one}: ${find(one)?.evidence}; fix: ${find(one)?.fix}`)
          .join('\n'),
        explain: explained.join('\n'),
        dashboard,
        metrics,
        log: lines
          .filter(({ level }) => Number(level) >= WARN)
          .map((line) => JSON.stringify(line))
          .join('\n'),
        ready: await (await world.get('/ready')).text(),
      }
    },
    async close() {
      await server.stop(true)
      await world.close()
    },
  }
}

const toThese =
  (through: NonNullable<Examining['through']>, otherwise: Fetch): Fetch =>
  async (input, init) => {
    const request = new Request(input instanceof URL ? input.href : (input as string), init)
    const answer = through[new URL(request.url).host]
    return answer ? answer(request) : otherwise(input, init)
  }

/** The services say what time it is, as every server does. */
const dated =
  (fetch: Fetch): Fetch =>
  async (input, init) => {
    const { body, status, headers } = await fetch(input, init)
    const date = new Date().toUTCString()
    return new Response(body, { status, headers: { ...Object.fromEntries(headers), date } })
  }

/** What a page says, as somebody reads it. */
const textOf = (html: string) =>
  (/<main[\s\S]*<\/main>/.exec(html)?.[0] ?? html)
    .replaceAll(/<[^>]+>/g, ' ')
    .replaceAll('&#39;', "'")
    .replaceAll('&quot;', '"')
    .replaceAll(/\s+/g, ' ')
