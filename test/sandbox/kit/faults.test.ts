import { afterAll, describe, expect, test } from 'bun:test'
import { Hono } from 'hono'
import { createFaults, type FaultRule, keepDropped } from '../../../sandbox/kit/faults.ts'
import { fetchInProcess } from '../../../sandbox/kit/in-process.ts'

function service() {
  const faults = createFaults()
  let done = 0
  const app = new Hono()
    .use(faults.middleware)
    .post('/act', (c) => c.json({ done: (done += 1) }))
    .get('/other', (c) => c.json({}))
  app.onError(keepDropped((error, c) => c.json({ error: error.message }, 500)))
  return { faults, app, done: () => done }
}

const ACT = 'http://service.test/act'
const post = { method: 'POST' }
const outcome = (answer: Promise<Response>) =>
  answer.then(
    (response) => response.status,
    () => 'broken',
  )

describe.each(['in process', 'over a socket'])('faults %s', (how) => {
  const servers: { stop: (force: boolean) => Promise<void> }[] = []
  afterAll(() => Promise.all(servers.map((server) => server.stop(true))))

  function connect(app: Hono): (init: RequestInit) => Promise<Response> {
    if (how === 'in process') return (init) => fetchInProcess(app)(ACT, init)
    const server = Bun.serve({ port: 0, hostname: '127.0.0.1', fetch: app.fetch })
    servers.push(server)
    return (init) => fetch(new URL('/act', server.url), init)
  }

  test.each([
    [{ kind: 'status', status: 429 }, 429, 0],
    [{ kind: 'drop' }, 'broken', 0],
    [{ kind: 'hang', ms: 20 }, 'broken', 0],
    [{ kind: 'after_status', status: 502 }, 502, 1],
    [{ kind: 'after_drop' }, 'broken', 1],
    [{ kind: 'delay', ms: 20 }, 200, 1],
  ] as const)('%j is seen as %p with the act done %i times', async (rule, seen, times) => {
    const { app, faults, done } = service()
    const call = connect(app)
    faults.add({ ...rule, times: 1 })

    expect(await outcome(call(post))).toBe(seen)
    expect(done()).toBe(times)
    expect(await outcome(call(post))).toBe(200)
  })

  test('a hanging service does not hold a caller who gives up', async () => {
    const { app, faults } = service()
    const call = connect(app)
    faults.add({ kind: 'hang', ms: 2_000 })

    const startedAt = performance.now()
    expect(await outcome(call({ ...post, signal: AbortSignal.timeout(30) }))).toBe('broken')
    expect(performance.now() - startedAt).toBeLessThan(1_000)
  })
})

describe('a fault rule', () => {
  const spoilOther: FaultRule = { kind: 'status', status: 503, match: { path: '^/oth' } }

  test('spoils only what it matches', async () => {
    const { app, faults } = service()
    faults.add(spoilOther)
    const call = fetchInProcess(app)

    expect(await outcome(call(ACT, post))).toBe(200)
    expect(await outcome(call('http://service.test/other'))).toBe(503)
  })

  test('holds until cleared', async () => {
    const { app, faults } = service()
    faults.add({ kind: 'status' })
    const call = fetchInProcess(app)

    expect(await outcome(call(ACT, post))).toBe(500)
    expect(await outcome(call(ACT, post))).toBe(500)
    faults.clear()
    expect(faults.list()).toEqual([])
    expect(await outcome(call(ACT, post))).toBe(200)
  })

  test('with probability 0 never fires', async () => {
    const { app, faults } = service()
    faults.add({ kind: 'drop', probability: 0 })

    expect(await outcome(fetchInProcess(app)(ACT, post))).toBe(200)
  })
})
