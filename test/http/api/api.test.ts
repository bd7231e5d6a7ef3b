import { afterAll, beforeAll, describe, expect, test } from 'bun:test'

import { eq } from 'drizzle-orm'
import { z } from 'zod'

import { mails, operatorActions, receivables } from '../../../src/db/schema.ts'
import { DESCRIBED } from '../../../src/http/api/describe.ts'
import { fill } from '../dashboard/support.ts'
import { ADMIN_TOKEN, openWorld, type World } from '../../support/world.ts'

const VIEWER_TOKEN = 'only-for-looking-0001'
const Listed = z.object({ items: z.array(z.looseObject({})), next: z.string().nullable() })
const Acted = z.object({ outcome: z.string(), said: z.string() })

describe('the API of operators', () => {
  const shared = {} as { world: World; filled: Awaited<ReturnType<typeof fill>> }
  beforeAll(async () => {
    shared.world = await openWorld({ env: { VIEWER_TOKEN } })
    shared.filled = await fill(shared.world)
  }, 120_000)
  afterAll(async () => {
    await shared.world.assertProven()
    await shared.world.close()
  })

  type Asked = { method?: string; headers?: Record<string, string>; body?: string | ReadableStream }
  const ask = (path: string, { headers, ...init }: Asked = {}, token = ADMIN_TOKEN) =>
    shared.world.get(path, { ...init, headers: { Authorization: `Bearer ${token}`, ...headers } })
  const list = async (path: string) => Listed.parse(await (await ask(path)).json())
  const post = (path: string, { key, body }: { key?: string; body?: unknown } = {}) =>
    ask(path, {
      method: 'POST',
      headers: key === undefined ? {} : { 'Idempotency-Key': key },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    })

  test('lists what the pages list, narrowed down, page by page', async () => {
    const all = await list('/api/invoices')
    expect(all.next).toBeNull()
    const paged = []
    let before: string | null = ''
    do {
      const page: z.infer<typeof Listed> = await list(
        `/api/invoices?limit=3${before ? `&before=${before}` : ''}`,
      )
      expect(page.items.length).toBeLessThanOrEqual(3)
      paged.push(...page.items)
      before = page.next
    } while (before !== null)
    expect(paged).toEqual(all.items)

    const held = await list('/api/invoices?state=attention&reason=held_late')
    expect(held.items).toMatchObject([{ lagoInvoiceId: shared.filled.held.lago_id }])
    const [{ dueOn } = {}] = await shared.world.bridge.db
      .select({ dueOn: receivables.dueOn })
      .from(receivables)
      .where(eq(receivables.receivableId, shared.filled.open.lago_id))
    const due = await list(`/api/invoices?state=open&dueFrom=${dueOn}&dueTo=${dueOn}`)
    expect(due.items).toMatchObject([{ lagoInvoiceId: shared.filled.open.lago_id }])
    expect((await list('/api/invoices?dueTo=2020-01-01')).items).toEqual([])
    const yen = await list('/api/invoices?currency=JPY')
    expect(yen.items).toHaveLength(1)
    const fern = await list(`/api/customers?q=${encodeURIComponent('blue fern')}`)
    expect(fern.items.length).toBeGreaterThan(0)
    const attention = await list('/api/attention')
    expect(new Set(attention.items.map(({ reasonCode }) => reasonCode))).toEqual(
      new Set(['dispute_open', 'held_late']),
    )
    expect(attention.items).toHaveLength(2)
    expect((await list('/api/attention?reason=held_late')).items).toHaveLength(1)
    expect((await list('/api/refunds?status=succeeded')).items).toMatchObject([
      { amount: 3_000, cause: null, status: 'succeeded' },
    ])
    expect((await list('/api/disputes?outcome=open')).items).toMatchObject([{ outcome: 'open' }])
    expect((await list('/api/disputes?outcome=lost')).items).toEqual([])
  })

  test('says of an invoice what comes next, and by which webhooks it was looked at', async () => {
    const invoice = await (await ask(`/api/invoices/${shared.filled.open.lago_id}`)).json()
    expect(invoice).toMatchObject({ state: 'open', reasonCode: null })
    expect(z.object({ next: z.string() }).parse(invoice).next).toContain('the customer pays')
    const told = z.object({ deliveries: z.array(z.object({ eventType: z.string() })) })
    expect(told.parse(invoice).deliveries.map(({ eventType }) => eventType)).toContain(
      'invoice.created',
    )
  })

  test('says what a customer was mailed, and whom Dodo does not know', async () => {
    const { world } = shared
    const customer = world.addCustomer({ email: null as never })
    const invoice = world.bill(700, { customer })
    await world.openCheckout(invoice.lago_id)
    const at = world.bridge.deps.now()
    const mail = { kind: 'reminder', occasion: '3d', state: 'suppressed', reason: 'no' } as const
    await world.bridge.db.insert(mails).values({
      ...mail,
      subject: invoice.lago_id,
      payerKey: customer.external_id,
      address: 'never@told.example',
      plannedAt: at,
      endedAt: at,
    })
    const asked = [`invoices/${invoice.lago_id}`, `customers/${customer.external_id}`]
    const answers = await Promise.all(asked.map(async (path) => (await ask(`/api/${path}`)).text()))

    expect(answers.map((text) => JSON.parse(text).mails)).toMatchObject([[mail], [mail]])
    expect(answers.join('')).not.toContain('never@told.example')
    expect(JSON.parse(answers[1] ?? '')).toMatchObject({
      customer: customer.external_id,
      dodoCustomerId: null,
      setupUrl: null,
      accountUrl: expect.stringContaining('/account/'),
      mandates: [],
    })
    expect((await post(`/api/customers/${customer.external_id}/links`)).status).toBe(202)
  })

  test.each([
    ['/api/invoices?state=lost', 'state: '],
    ['/api/invoices?dueFrom=31.12.2026', 'dueFrom: '],
    ['/api/invoices?q=%00', 'no value has a NUL'],
    ['/api/dead-letters?key=a%00b', 'no value has a NUL'],
    ['/api/statement?to=9999-12-31', 'to 9999-12-31 is no day of any books'],
    ['/api/invoices?limit=0', 'limit: '],
    ['/api/invoices?limit=501', 'limit: '],
    ['/api/invoices?before=nonsense', 'before: take it from `next`'],
    ['/api/invoices?colour=red', 'colour'],
    ['/api/refunds?status=gone', 'status: '],
    ['/api/statement?from=yesterday', 'from'],
    ['/api/statement?tz=Moon', 'tz'],
    ['/api/invoices?dueFrom=0000-01-01', 'dueFrom'],
    ['/api/invoices?dueTo=0000-12-31', 'dueTo'],
  ])('%s is refused, and the field is named', async (path, named) => {
    const response = await ask(path)
    expect(response.status).toBe(400)
    expect(z.object({ error: z.string() }).parse(await response.json()).error).toContain(named)
  })

  test('what the database cannot hold is nobody’s fault but the asker’s', async () => {
    const { held } = shared.filled
    const note = await post(`/api/invoices/${held.lago_id}/seen`, { body: { note: 'a\0b' } })
    expect([note.status, await note.json()]).toEqual([400, { error: 'no value has a NUL' }])
    const cursor = (value: string) =>
      Buffer.from(JSON.stringify([value, 'x'])).toString('base64url')
    const all = await list('/api/invoices')
    for (const nonsense of [
      'before=' + cursor('never'),
      'before=' + cursor('0000-01-01'),
      'before=' + cursor('2026-02-30'),
      'before=' + cursor('2026-01-01 (the first)'),
      'sort=due&before=' + cursor('1e400'),
    ])
      expect((await list(`/api/invoices?${nonsense}`)).items).toHaveLength(all.items.length)
    for (const path of ['/api/refunds', '/api/attention'])
      expect((await ask(`${path}?before=${cursor('0000-01-01')}`)).status).toBe(200)
  })

  test.each([
    '/api/deliveries/replay',
    '/api/dead-letters/redrive',
    '/api/dead-letters/forget',
    '/api/invoices/nobody/seen',
  ])('what is sent to %s is no larger than it can be', async (path) => {
    const body = JSON.stringify({ note: 'x'.repeat(65_536) })
    const pieces = new ReadableStream({
      start(controller) {
        controller.enqueue(new TextEncoder().encode(body))
        controller.close()
      },
    })
    for (const sent of [body, pieces]) {
      const response = await ask(path, { method: 'POST', body: sent })
      expect([response.status, await response.json()]).toEqual([413, { error: expect.any(String) }])
    }
  })

  test('with a key a thing is done once, and the same is answered again', async () => {
    const { world, filled } = shared
    const path = `/api/invoices/${filled.declined.lago_id}/collect`

    const answers = [await post(path, { key: 'one' }), await post(path, { key: 'one' })]

    expect(answers.map(({ status }) => status)).toEqual([202, 202])
    const [first, second] = await Promise.all(
      answers.map(async (one) => Acted.parse(await one.json())),
    )
    expect(second).toEqual(first ?? { outcome: '', said: '' })
    const report = await world.eventually(filled.declined.lago_id, ({ attempts }) => {
      return attempts[1]?.status === 'live'
    })
    expect(report.attempts).toHaveLength(2)
    const other = await post(path, { key: 'two' })
    expect(other.status).toBe(409)
    expect(await other.json()).toEqual({
      error: 'its checkout is open: the pay link leads there',
    })
    expect((await post(path, { key: '' })).status).toBe(400)
  })

  test('with a key whose first request was ended in the middle it is told so, and not for ever that it is being done', async () => {
    const { world, filled } = shared
    const { db, deps } = world.bridge
    const path = `/api/invoices/${filled.declined.lago_id}/look`
    const isBegun = (minutes: number) =>
      db
        .update(operatorActions)
        .set({ outcome: 'begun', at: new Date(deps.now().getTime() - minutes * 60_000) })
        .where(eq(operatorActions.action, 'look'))
    await post(path, { key: 'ended' })

    await isBegun(1)
    const soon = await post(path, { key: 'ended' })
    await isBegun(6)
    const later = await post(path, { key: 'ended' })

    expect(soon.status).toBe(202)
    expect(later.status).toBe(409)
    expect(await later.json()).toEqual({
      error: expect.stringMatching(
        /^it was begun and did not come to its end .*another Idempotency-Key$/,
      ),
    })
  })

  test('gives held money back once, and nothing else', async () => {
    const { world, filled } = shared
    const { payments = [] } = (await world.invoiceReport(filled.held.lago_id)) ?? {}
    const held = payments[0]?.dodoPaymentId ?? ''
    const paid = filled.paid.payment.payment_id

    expect((await post(`/api/payments/${paid}/refund`)).status).toBe(409)
    expect((await post('/api/payments/pay_nobody/refund')).status).toBe(404)
    const both = await Promise.all([
      post(`/api/payments/${held}/refund`, { key: 'back' }),
      post(`/api/payments/${held}/refund`, { key: 'back too' }),
    ])
    expect(new Set(both.map(({ status }) => status))).toEqual(new Set([202, 409]))
    await world.eventually(filled.held.lago_id, ({ state }) => state === 'void')
    await world.quiet()

    expect(world.refundsOf(held)).toMatchObject([{ amount: 5_000 }])
    expect(world.refundsOf(paid)).toEqual([])
  })

  test('notes what was seen, looks again, and makes another link', async () => {
    const { world, filled } = shared
    const at = `/api/invoices/${filled.disputed.invoice.lago_id}`
    expect((await post(`${at}/seen`, { body: { note: 'answering' } })).status).toBe(202)
    const { items } = await list('/api/attention?reason=dispute_open')
    expect(items).toMatchObject([{ seen: { by: 'the API', note: 'answering' } }])
    expect((await post(`${at}/look`)).status).toBe(202)
    expect((await post(`${at}/seen`, { body: { note: 1 } })).status).toBe(400)
    expect((await post('/api/invoices/nobody/look')).status).toBe(404)

    const id = filled.fern.external_id
    const before = await world.customerReport(id)
    const after = await post(`/api/customers/${id}/links`)
    expect(after.status).toBe(202)
    expect(z.object({ setupUrl: z.string() }).parse(await after.json()).setupUrl).not.toBe(
      before?.setupUrl ?? '',
    )
    expect((await world.visit(before?.setupUrl ?? '')).status).toBe(404)
  })

  test('the statement is the same as JSON and as CSV', async () => {
    const statement = await (await ask('/api/statement')).json()
    expect(statement).toMatchObject({ unexplained: 0, timeZone: 'UTC' })
    const csv = await ask('/api/statement', { headers: { Accept: 'text/csv' } })
    expect(csv.headers.get('content-type')).toBe('text/csv; charset=utf-8')
    expect(await csv.text()).toContain(shared.filled.paid.payment.payment_id)
    const kept = await (await ask('/api/statement/kept')).json()
    expect(kept).toMatchObject({ timeZone: 'UTC' })
    const paid = z.object({ payments: z.array(z.looseObject({ dodoPaymentId: z.string() })) })
    expect(paid.parse(kept).payments).toContainEqual(
      expect.objectContaining({
        dodoPaymentId: shared.filled.paid.payment.payment_id,
        paid: 10_800,
      }),
    )
    const file = await ask('/api/statement/kept', { headers: { Accept: 'text/csv' } })
    expect(await file.text()).toMatch(/^made_at,kind,/)
    expect((await ask('/api/statement/kept?source=lago')).status).toBe(400)
  })

  test('health is what doctor finds, and tells of no secret', async () => {
    const text = await (await ask('/api/health')).text()
    const checks = z
      .array(z.object({ id: z.string(), verdict: z.string(), evidence: z.string() }))
      .parse(JSON.parse(text))
    const verdictOf = (id: string) => checks.find((one) => one.id === id)?.verdict
    expect(['schema', 'queue', 'lago.key', 'dodo.mode'].map(verdictOf)).not.toContain('fail')
    expect(checks.map(({ id }) => id)).not.toContain('proxy_body')
    expect(text).not.toContain('dodo_test_key')
  }, 40_000)

  test('the viewer looks at everything, and does nothing', async () => {
    for (const route of Object.keys(DESCRIBED)) {
      const [method = '', template = ''] = route.split(' ')
      const path = template.replaceAll(/\{\w+\}/g, 'nobody')
      const response = await ask(path, { method }, VIEWER_TOKEN)
      expect([route, response.status === 403]).toEqual([route, method === 'POST'])
      expect((await shared.world.get(path, { method })).status).toBe(401)
    }
  }, 40_000)

  test('OpenAPI describes every route, and no other', async () => {
    const Document = z.object({
      openapi: z.literal('3.1.0'),
      paths: z.record(z.string(), z.record(z.string(), z.looseObject({ summary: z.string() }))),
    })
    const { paths } = Document.parse(await (await ask('/api/openapi.json')).json())
    const described = Object.entries(paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
    )
    const served = shared.world.bridge.app.routes
      .filter(({ path, method }) => path.startsWith('/api/') && method !== 'ALL')
      .map(({ path, method }) => `${method} ${path.replaceAll(/:(\w+)/g, '{$1}')}`)
      .filter((route) => !route.endsWith('/*') && route !== 'GET /api/openapi.json')
    expect(described.toSorted()).toEqual([...new Set(served)].toSorted())
    expect(described.toSorted()).toEqual(Object.keys(DESCRIBED).toSorted())
  })

  test.each(Object.keys(DESCRIBED).filter((route) => /^GET [^{]*$/.test(route)))(
    'what %s answers is as OpenAPI describes it',
    async (route) => {
      const response = await ask(route.slice('GET '.length))
      expect(response.status).toBe(200)
      expect(DESCRIBED[route]?.answers.safeParse(await response.json()).error).toBeUndefined()
    },
  )

  test('another method is told which ones there are', async () => {
    const response = await ask('/api/refunds', { method: 'POST' })
    expect([response.status, response.headers.get('allow')]).toEqual([405, 'GET, HEAD, OPTIONS'])
  })
})
