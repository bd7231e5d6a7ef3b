import { afterAll, beforeAll, expect, test } from 'bun:test'
import { eq, inArray } from 'drizzle-orm'

import {
  conditions,
  deadLetters,
  deliveries,
  findings,
  operatorActions,
  receivables,
} from '../../../src/db/schema.ts'
import { status } from '../../../src/report/status.ts'
import { ADMIN_TOKEN } from '../../support/world.ts'
import { fieldsOf, serveDashboard, signIn, type Served } from './support.ts'

type Person = Awaited<ReturnType<typeof signIn>>
let served: Served
let person: Person
beforeAll(async () => {
  served = await serveDashboard()
  const { world } = served
  const invoice = world.bill(10_000)
  const { sessionId } = await world.openCheckout(invoice.lago_id)
  world.dodo.pay(sessionId)
  await world.eventually(invoice.lago_id, ({ state }) => state === 'paid')
  await world.quiet()
  person = await signIn(served.origin)
})
afterAll(() => served.close())

const actionsOf = (action: string) =>
  served.world.bridge.db.select().from(operatorActions).where(eq(operatorActions.action, action))

test('all deliveries that match are replayed at once, said beforehand, on record, and nothing is done twice', async () => {
  const { world } = served
  const list = await person.text('/dashboard/deliveries?source=dodo&event=payment.succeeded')
  const [, to = ''] = /href="(\/dashboard\/deliveries\/replay[^"]*)"/.exec(list) ?? []
  const confirm = await person.text(to.replaceAll('&amp;', '&'))
  expect(confirm).toContain('Replay 1 delivery?')
  expect(confirm).toContain('Nothing is charged, recorded or refunded twice.')
  const fields = fieldsOf(confirm, '/dashboard/deliveries/replay')
  const [first, second] = [
    await person.post('/dashboard/deliveries/replay', fields),
    await person.post('/dashboard/deliveries/replay', fields),
  ]
  const page = await person.text(first.headers.get('location') ?? '')
  await world.quiet()

  expect([first.status, second.status]).toEqual([303, 303])
  expect(page).toContain('1 are read again, 0 are about nothing of ours, 0 are empty')
  expect(await actionsOf('replay')).toMatchObject([{ who: 'Ana', subject: 'deliveries' }])
  expect(world.lago.store.payments).toHaveLength(1)
  expect(await person.text('/dashboard/deliveries/replay?event=nothing.like.it')).toContain(
    'no delivery is like that',
  )
})

test('those that are ticked are replayed together, said beforehand, and nothing is done twice', async () => {
  const { world } = served
  const ticks = (html: string) =>
    Array.from(
      html.matchAll(/<input type="checkbox" form="ticked" name="one" value="([^"]*)"/g),
      ([, value = '']) => value,
    )
  const all = ticks(await person.text('/dashboard/deliveries'))
  expect(new Set(all).size).toBe(all.length)
  const [first = '', second = ''] = all
  const path = '/dashboard/deliveries/ticked'

  const query = new URLSearchParams(
    [first, second, second, 'stripe:evt_1'].map((one): [string, string] => ['one', one]),
  )
  const confirm = await person.text(`${path}?${query.toString()}`)
  expect(confirm).toContain('Replay 2 deliveries?')
  const fields = fieldsOf(confirm, path)
  const done = await person.post(path, fields)
  await person.post(path, fields)
  const page = await person.text(done.headers.get('location') ?? '')
  await world.quiet()

  expect(done.status).toBe(303)
  expect(page).toMatch(
    /\d are read again, \d are about nothing of ours, 0 are empty, 0 are not there/,
  )
  const subjects = (await actionsOf('replay')).map(({ subject }) => subject)
  expect(subjects.filter((subject) => subject === 'selected deliveries')).toHaveLength(1)
  expect(world.lago.store.payments).toHaveLength(1)
  expect(await person.text(path)).toContain('none is selected')
  expect(await person.text(`${path}?one=%25E0%25A4%25A&one=lago%3A%25`)).toContain(
    'Replay 1 delivery?',
  )
})

test('a list of deliveries says of each what it is about, and holds what replaying it would', async () => {
  const { world } = served
  const { db, deps } = world.bridge
  const at = { receivedAt: deps.now(), headers: {}, body: Buffer.from('{}') }
  await db.insert(deliveries).values([
    {
      ...at,
      source: 'highlevel',
      deliveryId: 'hl-1',
      eventType: 'INSTALL',
      processedAt: at.receivedAt,
    },
    {
      ...at,
      source: 'dodo',
      deliveryId: 'dd-1',
      eventType: 'x.y',
      wakes: 'trace',
      wakesKey: 'gone',
    },
  ])
  await db
    .insert(deadLetters)
    .values({ kind: 'trace', key: 'gone', error: 'no', buriedAt: at.receivedAt })
  const rowsOf = (html: string) => html.match(/<tr role="row">/g)?.length ?? 1
  const [number] = await db.select({ number: receivables.number }).from(receivables)
  const whole = await person.text('/dashboard/deliveries')
  expect(whole).toMatch(/>HighLevel<.*INSTALL/s)
  expect(whole).toContain(`>${number?.number}</a>`)
  for (const [outcome, is] of [
    ['kept', 'INSTALL'],
    ['failed', 'given up: see dead letters'],
    ['read', 'invoice.created'],
  ]) {
    const query = `?outcome=${outcome}`
    const html = await person.text(`/dashboard/deliveries${query}`)
    expect(html).toContain(is ?? '')
    const confirm = await person.text(`/dashboard/deliveries/replay${query}`)
    expect(confirm).toContain(`Replay ${rowsOf(html) - 1} deliver`)
  }
  const one = await person.text('/dashboard/deliveries/dodo/dd-1')
  expect(one).toContain('bridge replay dodo dd-1')
  expect(await person.text('/dashboard/deliveries/replay?about=dd-1')).toContain(
    'Replay 1 delivery?',
  )
  await db.delete(deadLetters)
  await db.delete(deliveries).where(inArray(deliveries.deliveryId, ['hl-1', 'dd-1']))
})

test('what was refused is said where deliveries are looked at, and one by one, also to programs', async () => {
  const { world, origin } = served
  const body = '{"no":"event"}'
  const headers = { 'webhook-id': 'msg_1', 'x-forwarded-for': '198.51.100.7, 203.0.113.9' }
  expect((await fetch(`${origin}/webhooks/dodo`, { method: 'POST', body, headers })).status).toBe(
    401,
  )
  let page = ''
  while (!page.includes('203.0.113.9')) page = await person.text('/dashboard/deliveries/refused')
  expect(page).not.toContain('198.51.100.7')
  const file = await person.text('/dashboard/deliveries/refused?as=csv')
  expect(file).toMatch(/^refused_at,source,from,reason\r\n.*,dodo,.* for 203\.0\.113\.9,/)
  const told = await world.get('/api/deliveries/refused', {
    headers: { Authorization: `Bearer ${ADMIN_TOKEN}` },
  })
  expect(await told.json()).toMatchObject({
    items: [{ source: 'dodo', from: expect.stringContaining('203.0.113.9') }],
    next: null,
  })

  await world.bridge.db.delete(findings).where(eq(findings.name, 'refused:dodo'))
  await world.bridge.db.insert(findings).values({
    name: 'refused:dodo',
    value: { count: 4, since: new Date().toISOString(), reason: 'no <signature> matches' },
    foundAt: world.bridge.deps.now(),
  })

  expect(await person.text('/dashboard/deliveries')).toMatch(
    /4 of Dodo refused in the last day.*no &lt;signature&gt; matches/s,
  )
})

test('dead letters are run again all at once, or put away with a reason', async () => {
  const { world } = served
  const { db, deps } = world.bridge
  const bury = (kind: string, key: string, error: string) =>
    db.insert(deadLetters).values({ kind, key, error, buriedAt: deps.now() })
  await bury('trace', 'pay_unknown_1', 'Dodo is away')
  await bury('customer', 'nobody', 'Lago is away')
  const path = '/dashboard/dead-letters'
  expect(await person.text(path)).toContain('Run all 2 again')
  const done = await person.press(`${path}/redrive-all`, `${path}/redrive-all`)
  expect(done).toContain('2 jobs run again')
  await world.quiet()

  await bury('trace', 'pay_unknown_2', 'Dodo is away again')
  const page = await person.text(path)
  const [, forget = ''] = /href="(\/dashboard\/dead-letters\/forget[^"]*)"/.exec(page) ?? []
  const question = await person.text(forget.replaceAll('&amp;', '&'))
  const fields = fieldsOf(question, `${path}/forget`)
  const without = await person.post(`${path}/forget`, { ...fields, reason: ' ' })
  expect(await person.text(without.headers.get('location') ?? '')).toContain('a reason is wanting')
  const again = fieldsOf(await person.text(forget.replaceAll('&amp;', '&')), `${path}/forget`)
  const put = await person.post(`${path}/forget`, { ...again, reason: 'a test of <ours>' })
  const after = await person.text(put.headers.get('location') ?? '')

  expect(after).toContain('1 job put away: a test of &lt;ours&gt;')
  expect(after).toContain('No job has given up.')
  expect(await db.$count(deadLetters)).toBe(0)
})

test('invoices are narrowed to when they are due, also in the file', async () => {
  const { world } = served
  const due = async (day: string) => {
    const invoice = world.bill(1_000)
    await world.openCheckout(invoice.lago_id)
    // Settling writes the day of Lago until it rests.
    await world.quiet()
    await world.bridge.db
      .update(receivables)
      .set({ dueOn: day })
      .where(eq(receivables.receivableId, invoice.lago_id))
    return invoice.number
  }
  const [early, late] = [await due('2031-01-10'), await due('2031-02-10')]
  const query = '/dashboard/invoices?dueFrom=2031-02-01&dueTo=2031-02-28'
  const html = await person.text(query)
  const csv = await person.text(`${query}&as=csv`)

  for (const text of [html, csv]) {
    expect(text).toContain(late)
    expect(text).not.toContain(early)
  }
  expect(html).toContain('due from 2031-02-01')
})

test('the overview says what is wrong beside single invoices, and since when; so does bridge status', async () => {
  const { world } = served
  const { db, deps } = world.bridge
  const since = deps.now()
  const seen = { subject: 'dodo', version: '1', since, data: {} }
  await db.insert(conditions).values([
    { ...seen, type: 'key.refused', text: '■ dodo refuses our key: nothing is collected' },
    { ...seen, type: 'service.unreachable', text: '▲ dodo was away', goneAt: since },
  ])
  await db
    .insert(deadLetters)
    .values({ kind: 'trace', key: '=pay_1', error: 'no', buriedAt: since })
  // What was read a moment ago is shown for ten seconds; another period was not.
  const page = await person.text('/dashboard?days=90')
  const lines: string[] = []
  const exitCode = await status(deps, (line) => void lines.push(line))
  const file = await person.text('/dashboard/dead-letters?as=csv')

  expect(page).toMatch(/notice bad">Dodo refuses our key: nothing is collected\. Since/)
  expect(page).not.toContain('was away')
  expect(page).toContain('>1 job gave up</a>')
  expect(exitCode).toBe(1)
  expect(lines.join('\n')).toContain('dodo refuses our key: nothing is collected (since ')
  expect(file).toMatch(/^gave_up_at,kind,key,error\r\n.*,trace,'=pay_1,no\r\n$/)
  await db.delete(conditions)
  await db.delete(deadLetters)
})

test('health says how the services answer, and how much of the request budget is used', async () => {
  const html = await person.text('/dashboard/health')

  expect(html).toMatch(
    /Lago.*\d+ ms in the middle, \d+ % failed of \d+ requests in an hour; request budget used: \d+ % of this second/s,
  )
  expect(html).toMatch(/Dodo.*\d+ % of this second, \d+ % of this minute/s)
})
