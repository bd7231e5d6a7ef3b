import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import type { PgTable } from 'drizzle-orm/pg-core'

import { openDatabase } from '../../src/db/client.ts'
import {
  attempts,
  dodoAccounts,
  orders,
  payers,
  recordings,
  refundOrders,
  refundRequests,
  selections,
  shares,
  tellings,
} from '../../src/db/schema.ts'
import { createTestDatabase, type TestDatabase } from '../support/database.ts'

type Row = Record<string, unknown>
/** What the second row has in common with the first, and what makes it another matter. */
type Rule = { rule: string; table: PgTable; held: string; row: Row; second?: Row; allowed: Row[] }

const at = new Date()
const id = () => crypto.randomUUID()
const ORDER = 'ord_0123456789abcdef0123456789'
const OTHER_ORDER = 'ord_9876543210fedcba9876543210'

const attempt = {
  kind: 'charge',
  cause: 'invoice',
  retryIndex: 0,
  status: 'intended',
  currency: 'USD',
  amount: 1,
  account: 'test',
  startedAt: at,
}
const recording = { disposition: 'applied', status: 'recorded', amount: 1, repeatableAt: at }
const refundOrder = {
  cause: 'late',
  status: 'accepted',
  amount: 1,
  repeatableAt: at,
  orderedAt: at,
  receivableId: ORDER,
}
const order = {
  source: 'openfront',
  tenant: 'demo',
  mode: 'test',
  account: 'test',
  key: 'cart',
  currency: 'USD',
  amount: 1,
  createdAt: at,
}
const ownAccount = {
  source: 'highlevel',
  tenant: 'loc',
  mode: 'test',
  apiKey: 'sealed',
  webhookSecret: 'sealed',
  createdAt: at,
}

const RULES: Rule[] = [
  {
    rule: 'a second live attempt for what is owed (I2)',
    table: shares,
    held: 'shares_one_live',
    row: { attemptId: id(), receivableId: 'inv', amount: 1, isLive: true },
    second: { attemptId: id() },
    allowed: [
      { attemptId: id(), isLive: false },
      { attemptId: id(), receivableId: 'inv_2' },
    ],
  },
  {
    rule: 'a second charge of a saved card while one is under way',
    table: attempts,
    held: 'attempts_one_charge',
    row: { ...attempt, receivableId: 'inv', number: 1, dodoSubscriptionId: 'sub' },
    second: { receivableId: 'inv_2', status: 'unknown' },
    allowed: [
      { receivableId: 'inv_3', status: 'paid' },
      { receivableId: 'inv_4', kind: 'mandate' },
      { receivableId: 'inv_5', dodoSubscriptionId: 'sub_2' },
    ],
  },
  {
    rule: 'two attempts of one number',
    table: attempts,
    held: 'attempts_number_unique',
    row: { ...attempt, kind: 'checkout', receivableId: 'inv_n', number: 1 },
    allowed: [{ number: 2 }],
  },
  {
    rule: 'one checkout session of two attempts',
    table: attempts,
    held: 'attempts_session_unique',
    row: { ...attempt, kind: 'checkout', receivableId: 'inv_s', number: 1, dodoSessionId: 'cks' },
    second: { number: 2 },
    allowed: [{ number: 3, dodoSessionId: 'cks_2' }],
  },
  {
    rule: 'one payment of two charges',
    table: attempts,
    held: 'attempts_payment_unique',
    row: { ...attempt, status: 'paid', receivableId: 'inv_p', number: 1, dodoPaymentId: 'pay' },
    second: { number: 2 },
    allowed: [{ number: 3, dodoPaymentId: 'pay_2' }],
  },
  {
    rule: 'an order that two payments pay (P1)',
    table: recordings,
    held: 'recordings_one_pays_an_order',
    row: { ...recording, receivableId: ORDER, dodoPaymentId: 'pay_1' },
    second: { dodoPaymentId: 'pay_2' },
    allowed: [{ dodoPaymentId: 'pay_3', disposition: 'duplicate' }],
  },
  {
    rule: 'a payment that is for two orders (P2)',
    table: recordings,
    held: 'recordings_of_one_order',
    row: { ...recording, receivableId: OTHER_ORDER, dodoPaymentId: 'pay_4' },
    second: { receivableId: `${OTHER_ORDER.slice(0, -1)}1`, disposition: 'late' },
    // A payment request is paid by one payment for all its invoices.
    allowed: [{ receivableId: 'inv_1' }, { receivableId: 'inv_2' }],
  },
  {
    rule: 'a second refund of a payment while one is not answered',
    table: refundOrders,
    held: 'refund_orders_one_open',
    row: { ...refundOrder, status: 'waiting', dodoPaymentId: 'pay' },
    second: { status: 'intended', receivableId: 'inv' },
    allowed: [{ status: 'accepted' }, { status: 'refused' }, { dodoPaymentId: 'pay_2' }],
  },
  {
    rule: 'one refund of Dodo that carries out two',
    table: refundOrders,
    held: 'refund_orders_refund_unique',
    row: { ...refundOrder, dodoPaymentId: 'pay_r', dodoRefundId: 'ref' },
    allowed: [{ dodoRefundId: 'ref_2' }, { dodoRefundId: null }],
  },
  {
    rule: 'a refund that an order’s source asked for and that is placed twice (P6)',
    table: refundOrders,
    held: 'refund_orders_one_per_request',
    row: { ...refundOrder, dodoPaymentId: 'pay_q', creditNoteId: 'request' },
    second: { status: 'refused' },
    // A credit note of Lago may be carried out on several payments.
    allowed: [{ receivableId: 'inv' }, { receivableId: 'inv' }, { creditNoteId: null }],
  },
  {
    rule: 'two refunds of one key of an order',
    table: refundRequests,
    held: 'refund_requests_key_unique',
    row: {
      orderId: ORDER,
      key: 'key',
      dodoPaymentId: 'pay',
      amount: 1,
      status: 'open',
      createdAt: at,
    },
    allowed: [{ key: null }, { key: null }, { orderId: OTHER_ORDER }],
  },
  {
    rule: 'two orders of a key that are current',
    table: orders,
    held: 'orders_one_current',
    row: { ...order, orderId: 'ord_1' },
    second: { orderId: 'ord_2' },
    allowed: [
      { orderId: 'ord_3', supersededAt: at },
      { orderId: 'ord_4', mode: 'live' },
      { orderId: 'ord_5', tenant: 'other' },
      { orderId: 'ord_6', source: 'highlevel' },
      { orderId: 'ord_7', key: 'cart_2' },
    ],
  },
  {
    rule: 'two accounts of a tenant’s own that are current',
    table: dodoAccounts,
    held: 'dodo_accounts_one_current',
    row: { ...ownAccount, account: 'acc_1' },
    second: { account: 'acc_2' },
    allowed: [
      { account: 'acc_3', endedAt: at },
      { account: 'acc_4', mode: 'live' },
      { account: 'acc_5', tenant: 'loc_2' },
    ],
  },
  {
    rule: 'two selections of a payer in one currency',
    table: selections,
    held: 'selections_one_current',
    row: { receivableId: 'sel_1', payerKey: 'acct', currency: 'USD', createdAt: at },
    second: { receivableId: 'sel_2' },
    allowed: [
      { receivableId: 'sel_3', supersededAt: at },
      { receivableId: 'sel_4', currency: 'EUR' },
      { receivableId: 'sel_5', payerKey: 'acct_2' },
    ],
  },
  {
    rule: 'a customer of Dodo who is two payers',
    table: payers,
    held: 'payers_dodo_unique',
    row: { payerKey: 'acct_1', dodoCustomerId: 'cus', payToken: 'token_1', createdAt: at },
    second: { payerKey: 'acct_2', payToken: 'token_2' },
    allowed: [{ payerKey: 'acct_3', payToken: 'token_3', dodoCustomerId: null }],
  },
  {
    rule: 'telling one fact twice',
    table: tellings,
    held: 'tellings_fact_unique',
    row: { orderId: ORDER, what: 'paid', fact: '', status: 'waiting', plannedAt: at },
    allowed: [{ fact: 'unpaid' }, { what: 'ended' }, { orderId: OTHER_ORDER }],
  },
]

describe('whatever the code does, the database does not hold', () => {
  let database: TestDatabase
  let connection: ReturnType<typeof openDatabase>
  beforeAll(async () => {
    database = await createTestDatabase()
    connection = openDatabase(database.url, 1)
  })
  afterAll(async () => {
    await connection.close()
    await database.drop()
  })

  const insert = (table: PgTable, row: Row) =>
    connection.db
      .insert(table)
      .values(row)
      .then(
        () => 'taken',
        (error: Error) => (error.cause as { constraint_name?: string }).constraint_name,
      )

  test.each(RULES)('$rule', async ({ table, held, row, second = {}, allowed }) => {
    expect(await insert(table, row)).toBe('taken')
    expect(await insert(table, { ...row, ...second })).toBe(held)
    for (const one of allowed)
      expect([one, await insert(table, { ...row, ...one })]).toEqual([one, 'taken'])
  })
})
