import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { sql as query } from 'drizzle-orm'
import pino from 'pino'

import { openDatabase, openInboxConnection } from '../../src/db/client.ts'
import type { Delivery } from '../../src/inbox/delivery.ts'
import { createReceive } from '../../src/inbox/receive.ts'
import { storeAll } from '../../src/inbox/store.ts'
import { createQueue } from '../../src/queue/queue.ts'
import { openCutProxyTo } from '../support/cut-proxy.ts'
import { createTestDatabase, type TestDatabase } from '../support/database.ts'

const now = () => new Date()
/** Dodo's patience. */
const SENDER_WAITS_MS = 15_000
/** Far longer than a process takes to end. */
const HANGS_MS = 10_000
const KINDS = ['settle', 'trace', 'mandate', 'customer', 'bundle', 'topup'] as const

describe('receive', () => {
  let database: TestDatabase
  let replicas: Awaited<ReturnType<typeof openReplica>>[]
  beforeAll(async () => {
    database = await createTestDatabase()
    replicas = [await openReplica(), await openReplica(), await openReplica()]
  })
  afterAll(async () => {
    for (const { close } of replicas) await close()
    await database.drop()
  })

  /** The inbox of one process; nobody works its jobs, so that they can be counted. */
  async function openReplica() {
    const { sql, db, close } = openDatabase(database.url)
    const log = pino({ level: 'silent' })
    const queue = createQueue({ sql, log, kinds: KINDS, now, schema: 'pgboss' })
    await queue.start()
    const receive = createReceive({ db, queue, log, now, databaseUrl: database.url })
    const end = async () => {
      await receive.close()
      await queue.stop(1_000)
      await close()
    }
    return { db, queue, receive, close: end }
  }
  const first = () => {
    const [replica] = replicas
    if (!replica) throw new Error('no replica is open')
    return replica
  }
  const aDelivery = (fields: Partial<Delivery> = {}): Delivery => ({
    source: 'lago',
    deliveryId: crypto.randomUUID(),
    eventType: 'invoice.created',
    dodoPaymentId: null,
    wakes: 'settle',
    wakesKey: crypto.randomUUID(),
    headers: {},
    verifiedWith: 'key 1 of 1',
    body: Buffer.from('{}'),
    ...fields,
  })
  /** The jobs of a key, once everything that was acknowledged is routed. */
  async function jobsOf(key: string | null) {
    await Promise.all(replicas.map(({ receive }) => receive.routed()))
    return first().db.execute<{ name: string; priority: number }>(
      query`select name, priority from pgboss.job where singleton_key = ${key} order by name`,
    )
  }

  test('of fifty copies at once over three replicas, one is new and causes one job', async () => {
    const delivery = aDelivery()

    const answers = await Promise.all(
      Array.from({ length: 50 }, async (_, index) => replicas[index % 3]?.receive({ ...delivery })),
    )

    expect(answers.filter((answer) => answer?.duplicate === false)).toHaveLength(1)
    expect(await jobsOf(delivery.wakesKey)).toHaveLength(1)
  })

  test('many different deliveries at once are all stored, each with its job', async () => {
    const deliveries = Array.from({ length: 400 }, () => aDelivery())

    const answers = await Promise.all(
      deliveries.map(async (delivery, index) => replicas[index % 3]?.receive(delivery)),
    )

    expect(answers.every((answer) => answer?.duplicate === false)).toBe(true)
    for (const { wakesKey } of deliveries.slice(0, 20)) {
      expect(await jobsOf(wakesKey)).toHaveLength(1)
    }
    const stored = await first().db.query.deliveries.findMany({ columns: { deliveryId: true } })
    const ids = new Set(stored.map(({ deliveryId }) => deliveryId))
    expect(deliveries.every(({ deliveryId }) => ids.has(deliveryId))).toBe(true)
  })

  test('the same id from Lago and from Dodo is two deliveries', async () => {
    const delivery = aDelivery()

    expect(await first().receive(delivery)).toEqual({ duplicate: false })
    expect(await first().receive({ ...delivery, source: 'dodo' })).toEqual({ duplicate: false })
    expect(await first().receive({ ...delivery, source: 'dodo' })).toEqual({ duplicate: true })
  })

  test('a redelivery with another body changes nothing about the first', async () => {
    const delivery = aDelivery({ body: Buffer.from('{"first": true}') })
    await first().receive(delivery)

    await first().receive({ ...delivery, body: Buffer.from('{"second": true}') })

    const row = await first().db.query.deliveries.findFirst({
      where: (one, { eq }) => eq(one.deliveryId, delivery.deliveryId),
    })
    expect(row?.body.toString()).toBe('{"first": true}')
  })

  test('how often a delivery came again is counted', async () => {
    const { receive, close } = await openReplica()
    const [often, once] = [aDelivery(), aDelivery()]
    await receive(once)

    for (let time = 0; time < 4; time += 1) await receive(often)
    await close()

    const rows = await first().db.query.deliveries.findMany({
      columns: { deliveryId: true, repeats: true },
      where: (one, { inArray }) => inArray(one.deliveryId, [often.deliveryId, once.deliveryId]),
    })
    expect(new Map(rows.map(({ deliveryId, repeats }) => [deliveryId, repeats]))).toEqual(
      new Map([
        [once.deliveryId, 0],
        [often.deliveryId, 3],
      ]),
    )
  })

  test('a delivery that somebody holds is not waited for only to count it, nor by a process that ends', async () => {
    const { receive, close } = await openReplica()
    const [held, free] = [aDelivery(), aDelivery()]
    for (const one of [held, free, held, free]) await receive(one)
    const holder = openInboxConnection(database.url)
    const holding = await holder.sql.reserve()
    await holding`begin`
    await holding`select from deliveries where delivery_id = ${held.deliveryId} for update`

    const closing = close().then(() => 'closed')
    const outcome = await Promise.race([closing, Bun.sleep(HANGS_MS).then(() => 'hangs')])

    await holding`rollback`
    holding.release()
    await closing
    await holder.close()
    expect(outcome).toBe('closed')
    const rows = await first().db.query.deliveries.findMany({
      columns: { deliveryId: true, repeats: true },
      where: (one, { inArray }) => inArray(one.deliveryId, [held.deliveryId, free.deliveryId]),
    })
    expect(rows.find((one) => one.deliveryId === free.deliveryId)?.repeats).toBe(1)
  })

  test.each(['settle', 'trace', 'mandate', 'customer', 'bundle', 'topup'] as const)(
    'a delivery that wakes a %s wakes exactly that',
    async (wakes) => {
      const delivery = aDelivery({ source: 'dodo', wakes, dodoPaymentId: 'pay_1' })

      await first().receive(delivery)

      expect((await jobsOf(delivery.wakesKey)).map(({ name }) => name)).toEqual([wakes])
    },
  )

  test('the same key of two kinds is two jobs', async () => {
    const delivery = aDelivery()

    await first().receive(delivery)
    await first().receive(aDelivery({ wakes: 'bundle', wakesKey: delivery.wakesKey }))

    expect((await jobsOf(delivery.wakesKey)).map(({ name }) => name)).toEqual(['bundle', 'settle'])
  })

  test('a delivery about nothing we settle is complete as soon as it is stored', async () => {
    const delivery = aDelivery({ wakes: null, wakesKey: null })

    await first().receive(delivery)

    const row = await first().db.query.deliveries.findFirst({
      where: (one, { eq }) => eq(one.deliveryId, delivery.deliveryId),
    })
    expect(row?.processedAt).toBeInstanceOf(Date)
    expect(row?.outcome).toBe('stored; nothing to settle')
  })

  test('a delivery of a type that nobody here has heard of says so', async () => {
    const delivery = aDelivery({ eventType: 'invoice.of_next_year', wakes: null, wakesKey: null })

    await first().receive(delivery)

    const row = await first().db.query.deliveries.findFirst({
      where: (one, { eq }) => eq(one.deliveryId, delivery.deliveryId),
    })
    expect(row?.outcome).toBe('stored; of a type that this release does not know')
  })

  test('what is stored alone and what is stored together is the same, whatever is in it', async () => {
    const { sql, close } = openInboxConnection(database.url)
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte))
    const odd: Partial<Delivery>[] = [
      { body: bytes, headers: { 'x-a': String.raw`"quoted" \ and {braced}, null` } },
      { body: Buffer.alloc(0), eventType: 'null' },
      {
        body: Buffer.from('{"名": "雪\\u0000"}'),
        wakesKey: 'Ünïcode,"key"\\',
        dodoPaymentId: 'pay_1',
      },
      { eventType: 'half a \uD83D', wakesKey: '\uDE00 half', headers: { 'x-b': 'é' } },
      { wakes: null, wakesKey: null, body: Buffer.from(' {} ') },
    ]
    const receivedAt = new Date('2026-11-29T10:11:12.345Z')
    const told = (name: string) =>
      odd.map((fields, nth) => ({
        ...aDelivery(fields),
        deliveryId: `${name}-${nth}`,
        ...(fields.wakesKey === undefined && { wakesKey: 'same' }),
        receivedAt,
      }))
    const found = async (name: string) => {
      const rows = await sql`
        select d.*, u.wakes_key as owed
        from deliveries d left join unrouted u using (source, delivery_id)
        where delivery_id like ${`${name}-%`} order by delivery_id`
      return rows.map((row) => ({ ...row, delivery_id: undefined }))
    }

    const together = await storeAll(sql, told('together'))
    for (const one of told('alone')) await storeAll(sql, [one])

    expect(together.map(({ duplicate }) => duplicate)).toEqual(odd.map(() => false))
    expect(await found('together')).toEqual(await found('alone'))
    const [bodyOfFirst] = await sql<{ body: Buffer }[]>`
      select body from deliveries where delivery_id = 'together-0'`
    expect(bodyOfFirst?.body.equals(bytes)).toBe(true)
    const again = await storeAll(sql, told('together'))
    expect(again.every(({ duplicate, place }) => duplicate && place === null)).toBe(true)
    await sql`delete from unrouted`
    await close()
  })

  test('a delivery that cannot be stored is refused, and takes none of its neighbours along', async () => {
    const good = [aDelivery(), aDelivery(), aDelivery()]
    const bad = aDelivery({ eventType: 'with a \0 in it' })

    const results = await Promise.allSettled([
      first().receive(aDelivery()),
      ...[good[0], bad, good[1], good[2]].map((one) => first().receive(one ?? bad)),
    ])

    expect(results.map(({ status }) => status)).toEqual([
      'fulfilled',
      'fulfilled',
      'rejected',
      'fulfilled',
      'fulfilled',
    ])
    expect(await jobsOf(bad.wakesKey)).toHaveLength(0)
  })

  test('what a process that died had stored and not routed is routed by those who live, once', async () => {
    const left = Array.from({ length: 30 }, (_, index) =>
      aDelivery({ wakesKey: `left-${index % 3}` }),
    )
    const { sql, close } = openInboxConnection(database.url)
    await storeAll(
      sql,
      left.map((delivery) => ({ ...delivery, receivedAt: now() })),
    )
    expect(await jobsOf('left-0')).toHaveLength(0)

    for (const { receive } of replicas) receive.start()

    for (const key of ['left-0', 'left-1', 'left-2']) expect(await jobsOf(key)).toHaveLength(1)
    const [row] = await first().db.execute(query`select count(*)::int as count from unrouted`)
    expect(row).toEqual({ count: 0 })
    await close()
  })

  test('while jobs cannot be sent deliveries are acknowledged, and routed when they can be', async () => {
    const delivery = aDelivery()
    await first().db.execute(query`alter table pgboss.job rename to job_away`)

    expect(await first().receive(delivery)).toEqual({ duplicate: false })

    await first().db.execute(query`alter table pgboss.job_away rename to job`)
    expect(await jobsOf(delivery.wakesKey)).toHaveLength(1)
  })

  test('while nobody answers where the database was, all who wait are refused before their senders give up', async () => {
    const proxy = await openCutProxyTo(database.url)
    const { db, queue } = first()
    const log = pino({ level: 'silent' })
    const receive = createReceive({ db, queue, log, now, databaseUrl: proxy.url })
    expect(await receive(aDelivery())).toEqual({ duplicate: false })
    proxy.close()

    const startedAt = performance.now()
    const results = await Promise.allSettled(Array.from({ length: 40 }, () => receive(aDelivery())))

    expect(results.every(({ status }) => status === 'rejected')).toBe(true)
    expect(performance.now() - startedAt).toBeLessThan(SENDER_WAITS_MS)
    await receive.close()
  })

  test('texts with quotes, backslashes and letters of any script are stored as they came', async () => {
    const delivery = aDelivery({
      deliveryId: String.raw`a"b\c{,}null ${crypto.randomUUID()}`,
      wakes: 'customer',
      wakesKey: String.raw`"łódź" \ {x,y} 東京`,
      headers: { 'x-lago-signature-algorithm': String.raw`"h\mac"` },
      body: Buffer.from([0, 0xff, 0x22, 0x5c]),
    })

    await first().receive(delivery)

    const row = await first().db.query.deliveries.findFirst({
      where: (one, { eq }) => eq(one.deliveryId, delivery.deliveryId),
    })
    expect(row).toMatchObject(delivery)
    expect(await jobsOf(delivery.wakesKey)).toHaveLength(1)
  })
})
