import { expect, test } from 'bun:test'
import { readMigrationFiles } from 'drizzle-orm/migrator'
import path from 'node:path'
import pino from 'pino'

import { connect } from '../../src/db/connect.ts'
import { openDatabase } from '../../src/db/client.ts'
import { migrate } from '../../src/db/migrate.ts'
import { JOB_KINDS } from '../../src/jobs.ts'
import { createQueue } from '../../src/queue/queue.ts'
import { loadLedger, readReceivable } from '../../src/collect/load.ts'
import { findSubject } from '../../src/http/pay-subject.ts'
import { readConfig } from '../../src/config.ts'
import { createTestDatabase } from '../support/database.ts'

const FOLDER = path.join(import.meta.dir, '../../drizzle')
const ATTEMPT = '11111111-1111-4111-8111-111111111111'
const CHARGE = '22222222-2222-4222-8222-222222222222'

/** A ledger of the schema before receivables, with a payment request, an unknown charge and its members. */
async function openOldLedger(url: string) {
  const sql = connect(url, { max: 1 })
  await sql.unsafe('create schema dodo_bridge; set search_path = dodo_bridge')
  await sql.unsafe(`create table dodo_bridge.migrations (
    id serial primary key, hash text not null, created_at bigint not null unique)`)
  for (const { sql: statements, hash, folderMillis } of readMigrationFiles({
    migrationsFolder: FOLDER,
  }).slice(0, 2)) {
    for (const text of statements) await sql.unsafe(text.replaceAll('"public".', ''))
    await sql`insert into migrations (hash, created_at) values (${hash}, ${folderMillis})`
  }
  await sql.unsafe(`
    insert into invoices (lago_invoice_id, number, lago_customer_id, customer_name, currency, amount_due, state, reason, pay_token, created_at)
    values ('inv_1', 'ACM-1', 'acct_1', 'Blue Fern', 'USD', 10800, 'open', 'waiting', 'token-of-invoice-1', now()),
           ('inv_2', 'ACM-2', 'acct_1', 'Blue Fern', 'USD', 4200, 'open', 'waiting', 'token-of-invoice-2', now()),
           ('inv_3', 'ACM-3', 'acct_1', 'Blue Fern', 'USD', 900, 'processing', 'charged', 'token-of-invoice-3', now()),
           ('req_2', null, null, null, null, 0, 'attention', 'payment pay_1 names an invoice that Lago does not have', 'token-of-nothing', now());
    insert into customers (lago_customer_id, dodo_customer_id, pay_token, created_at) values ('acct_1', 'cus_1', 'token-of-customer', now());
    insert into bundles (lago_payment_request_id, lago_customer_id, currency, state, reason, amount_due, is_payable, pay_token, requested_at, created_at)
    values ('req_1', 'acct_1', 'USD', 'open', 'waiting for the customer', 15000, true, 'token-of-request', now(), now()),
           ('req_2', 'acct_1', 'USD', 'paid', '1 of 1 paid in Lago', 0, false, 'token-of-named-request', null, now());
    insert into bundle_invoices values ('req_1', 'inv_1', 0), ('req_1', 'inv_2', 1);
    insert into attempts (id, lago_payment_request_id, number, kind, cause, retry_index, status, currency, amount, dodo_session_id, started_at)
    values ('${ATTEMPT}', 'req_1', 1, 'checkout', 'merchant', 0, 'live', 'USD', 15000, 'cks_1', now());
    insert into shares values ('${ATTEMPT}', 'inv_1', 10800, 0, true), ('${ATTEMPT}', 'inv_2', 4200, 1, true);
    insert into attempts (id, lago_invoice_id, number, kind, cause, retry_index, status, currency, amount, dodo_subscription_id, started_at)
    values ('${CHARGE}', 'inv_3', 1, 'charge', 'invoice', 0, 'unknown', 'USD', 900, 'sub_1', now());
    insert into shares values ('${CHARGE}', 'inv_3', 900, 0, true);
    insert into mandates (dodo_subscription_id, lago_customer_id, currency, status, made_at, renewed_at, observed_at)
    values ('sub_1', 'acct_1', 'USD', 'active', now(), now(), now());
    insert into timeline (lago_invoice_id, at, what) values ('inv_1', now(), 'finalized')`)
  await sql.end()
}

test('a ledger of before is carried over with what is under way, its jobs and its pay links', async () => {
  const database = await createTestDatabase(openOldLedger)
  const log = pino({ level: 'silent' })
  const now = () => new Date()
  const { queueSchema: schema } = await migrate(database.url)
  const { sql, db, close } = openDatabase(database.url, 3)
  const queue = createQueue({ sql, log, kinds: JOB_KINDS, now, schema })
  await queue.start()
  await db.transaction((tx) => queue.send(tx, 'bundle', [{ key: 'req_1' }]))

  const request = await readReceivable(db, 'req_1')
  expect(request).toMatchObject({
    kind: 'payment_request',
    payerKey: 'acct_1',
    amountDue: 15_000,
    requestedBy: 'customer',
    isPayable: true,
  })
  // A buyer once named it as an invoice: it is the request, with the link that was sent.
  expect(await readReceivable(db, 'req_2')).toMatchObject({
    kind: 'payment_request',
    payerKey: 'acct_1',
    state: 'paid',
    payToken: 'token-of-named-request',
  })
  const config = { publicUrl: 'https://bridge.test', collection: 'automatic' } as ReturnType<
    typeof readConfig
  >
  const { ledger: held } = await loadLedger({ db, config }, 'req_1')
  expect(held.attempts).toMatchObject([
    {
      id: ATTEMPT,
      receivableId: 'req_1',
      status: 'live',
      shares: [
        { receivableId: 'inv_1', amount: 10_800 },
        { receivableId: 'inv_2', amount: 4_200 },
      ],
    },
  ])
  const { ledger: member } = await loadLedger({ db, config }, 'inv_2')
  expect(member.attempts).toMatchObject([{ id: ATTEMPT, share: 4_200 }])
  expect(member.mandates).toHaveLength(1)
  const { ledger: unknown } = await loadLedger({ db, config }, 'inv_3')
  expect(unknown.attempts).toMatchObject([{ id: CHARGE, status: 'unknown', kind: 'charge' }])

  for (const [token, key] of [
    ['token-of-invoice-1', 'inv_1'],
    ['token-of-request', 'req_1'],
    ['token-of-customer', 'acct_1'],
  ] as const)
    expect(await findSubject({ db, queue, now }, token)).toMatchObject({ key })

  // Who was invoiced before there were account pages has a link of one at once.
  expect(await db.query.accountPages.findMany()).toMatchObject([
    { payerKey: 'acct_1', token: expect.stringMatching(/^[\w-]{22}$/) },
  ])

  const worked = Promise.withResolvers<string>()
  await queue.work('bundle', 1, async (key) => worked.resolve(key))
  expect(await worked.promise).toBe('req_1')
  // I2 is held by the database as before.
  const second = db.execute(
    `insert into shares (attempt_id, receivable_id, amount, is_live) values ('${CHARGE}', 'inv_1', 1, true)`,
  )
  expect(
    await second.then(
      () => 'written',
      () => 'refused',
    ),
  ).toBe('refused')
  await queue.stop(1_000)
  await close()
  await database.drop()
}, 60_000)
