import { expect, test } from 'bun:test'
import { eq, getTableName, is, sql } from 'drizzle-orm'
import { PgTable } from 'drizzle-orm/pg-core'

import { newStory, perform, type Act } from '../../proof/model/acts.ts'
import { openPlace, type Biller, type Place, type Setting } from '../../proof/model/places.ts'
import * as schema from '../../src/db/schema.ts'

const TABLES = Object.values(schema)
  .filter((one) => is(one, PgTable))
  .map(getTableName)
/** What is about the bridge itself, and about no customer. */
const OF_NOBODY = new Set(['pulse', 'findings', 'replicas', 'signals', 'conditions', 'tallies'])

const act = (name: Act['name'], amount = 700, invoice = 0): Act => ({ name, amount, invoice })
const rest = act('all comes to rest')

/** Everything that may become of what somebody owes, without a sweep, which looks at everybody. */
const LIFE: Record<Biller, readonly Act[]> = {
  lago: [
    act('the customer opens the pay link'),
    act('the card is declined'),
    rest,
    act('the merchant presses retry'),
    rest,
    act('the customer pays'),
    rest,
    act('the customer pays in an older tab'),
    rest,
    act('the merchant refunds in Dodo'),
    rest,
    act('the merchant issues a credit note'),
    rest,
    act('the cardholder contests the payment'),
    rest,
    act('the dispute is won'),
    rest,
    act('Lago bills the same customer again'),
    rest,
    act('charges of the card are declined from now on'),
    act('Lago bills the same customer again'),
    rest,
    act('the merchant voids the invoice', 700, 2),
    act('charges of the card wait for the bank from now on'),
    act('Lago bills the same customer again'),
    rest,
    act('charges of the card are declined from now on'),
    act('Lago bills the same customer again'),
    rest,
    act('Lago asks for all that is overdue'),
    rest,
    act('the merchant records a payment by hand', 700, 4),
    rest,
    act('the customer gives another card'),
    act('the customer cancels the mandate'),
    rest,
    act('charges of the card are declined from now on'),
  ],
  openfront: [
    act('the card is declined'),
    rest,
    act('the shopper chooses to pay once more'),
    act('the customer pays'),
    act('the shopper comes back'),
    act('the customer pays in an older tab'),
    rest,
    act('the shop refunds twice at once'),
    rest,
    act('the merchant refunds in Dodo'),
    rest,
    act('the cardholder contests the payment'),
    rest,
    act('a shopper chooses to pay'),
    rest,
  ],
  highlevel: [
    act('the card is declined'),
    rest,
    act('the buyer opens the pay page again'),
    act('the customer pays'),
    act('HighLevel asks whether it is paid'),
    act('the customer pays in an older tab'),
    rest,
    act('somebody presses refund'),
    rest,
    act('the cardholder contests the payment'),
    rest,
    act('a buyer opens the pay page'),
    rest,
  ],
}

/** Somebody lives through it all, and owes something more that is still wished for. */
async function live(place: Place, biller: Biller) {
  const story = newStory()
  story.sales.push(await place.begin())
  await place.world.quiet()
  for (const one of LIFE[biller]) await perform(place, story, one)
  await place.world.quiet()
}

type Rows = Map<string, unknown>

async function readAll({ world: { bridge } }: Place): Promise<Rows> {
  const rows: Rows = new Map()
  for (const table of TABLES.filter((one) => !OF_NOBODY.has(one))) {
    const found = await bridge.db.execute<{ row: Record<string, unknown> }>(
      sql`select to_jsonb(t) as row from ${sql.identifier(table)} t`,
    )
    for (const { row } of found) rows.set(`${table} ${keyOf(table, row)}`, row)
  }
  return rows
}

/** By its primary key, whatever else of it changes. */
const KEYS = new Map<string, readonly string[]>()
const keyOf = (table: string, row: Record<string, unknown>) =>
  JSON.stringify((KEYS.get(table) ?? []).map((column) => row[column]))

async function readKeys({ world: { bridge } }: Place) {
  const found = await bridge.db.execute<{ table: string; columns: string[] }>(sql`
    select c.relname as table, array(select attname::text from pg_attribute a
      where a.attrelid = c.oid and a.attnum = any (i.indkey)) as columns
    from pg_index i join pg_class c on c.oid = i.indrelid join pg_namespace n on n.oid = c.relnamespace
    where i.indisprimary and n.nspname = 'dodo_bridge'`)
  for (const { table, columns } of found) KEYS.set(table, columns)
}

test.each(Object.keys(LIFE) as Biller[])(
  'whatever becomes of what one customer owes at %s, not a row about another is touched',
  async (biller) => {
    const setting: Setting = { biller, collection: 'automatic', duplicates: 'hold', isFree: false }
    const place = await openPlace(setting)
    const { db } = place.world.bridge
    await live(place, biller)
    // A wish that nobody has looked at yet.
    await db
      .update(schema.receivables)
      .set({ requestedAt: new Date(), requestedBy: 'merchant' })
      .where(eq(schema.receivables.state, 'open'))
    // And a delivery that nobody has read.
    await db.insert(schema.deliveries).values({
      source: 'lago',
      deliveryId: 'bystander',
      eventType: 'invoice.created',
      wakes: 'settle',
      wakesKey: 'bystander',
      headers: {},
      body: Buffer.from('{}'),
      receivedAt: new Date(),
    })
    await readKeys(place)
    const before = await readAll(place)

    await live(place, biller)

    const after = await readAll(place)
    const touched = [...before].filter(
      ([key, row]) => JSON.stringify(after.get(key)) !== JSON.stringify(row),
    )
    expect(touched.map(([key, row]) => ({ key, row, now: after.get(key) }))).toEqual([])
    await place.world.close()
  },
  120_000,
)
