import { randomBytes } from 'node:crypto'

import { and, asc, desc, eq, gt, inArray, isNull, sql } from 'drizzle-orm'

import type { Urgency } from '../../../budget.ts'
import { observeMandate } from '../../../collect/act/mandate.ts'
import { findOrCreateProduct } from '../../../collect/act/product.ts'
import { intentOf } from '../../../collect/intents.ts'
import { newPayToken } from '../../../collect/load.ts'
import { once } from '../../../collect/once.ts'
import type { Finder } from '../../../collect/sweep/rotate.ts'
import { highlevelSetups, payers } from '../../../db/schema.ts'
import type { Deps } from '../../../collect/deps.ts'
import type { CheckoutBody } from '../../../dodo/client.ts'
import type { DodoCheckout, DodoSubscription } from '../../../dodo/objects.ts'
import { messageOf } from '../../../errors.ts'
import { NotInTime, waitFor } from '../../orders/look.ts'
import type { HighlevelDeps } from '../deps.ts'
import { describePayer } from '../payers.ts'
import { beginSubscription } from './begin.ts'
import { planBeginning } from './beginning.ts'
import { lockSubscription, type Whose } from './rows.ts'

export type SetupRow = typeof highlevelSetups.$inferSelect

const SESSION_LIFETIME_MS = 24 * 3_600_000
/** A page that is about to expire is not handed out. */
const MARGIN_MS = 600_000
const NONCE_BYTES = 16
/** Dodo's clock is not ours. */
const SKEW_MS = 10 * 60_000
const MAX_PAGES = 20
/** What says on a mandate which page it was made on. */
const NONCE = 'bridge_setup'

type Asked = {
  account: string
  contactId: string
  payerKey: string
  currency: string
  begins: string | null
}
type OnAccount = NonNullable<Awaited<ReturnType<HighlevelDeps['onAccount']>>>

/**
 * A page on which a contact saves a card and pays nothing: the one that is open, or a new one. Throws `NotInTime`, or
 * what Dodo threw, when none is known to be open; undefined when Dodo opens none.
 */
export async function openSetup(
  deps: HighlevelDeps,
  whose: Whose,
  asked: Asked,
): Promise<SetupRow | undefined> {
  const { row, isOurs } = await ensureSetup(deps, whose, asked)
  if (isOurs) await openPage(deps, row)
  const found = await waitFor(async () => {
    const now = await findSetup(deps, row.ref)
    return now && now.status !== 'intended' ? now : undefined
  })
  if (!found) throw new NotInTime('no page was opened in time')
  return found.status === 'failed' ? undefined : found
}

export async function findSetup(
  { db }: Pick<HighlevelDeps, 'db'>,
  ref: string,
): Promise<SetupRow | undefined> {
  const [row] = await db.select().from(highlevelSetups).where(eq(highlevelSetups.ref, ref))
  return row
}

/** The page with which a subscription has begun, if it did with one. */
export async function findDone(
  { db }: Pick<HighlevelDeps, 'db'>,
  begins: string,
): Promise<SetupRow | undefined> {
  const [row] = await db
    .select()
    .from(highlevelSetups)
    .where(and(eq(highlevelSetups.begins, begins), eq(highlevelSetups.status, 'done')))
  return row
}

/** The row is committed before the page is asked for, and whoever wrote it asks. */
async function ensureSetup(
  { db, now }: HighlevelDeps,
  { locationId, mode }: Whose,
  asked: Asked,
): Promise<{ row: SetupRow; isOurs: boolean }> {
  const { payerKey, currency, begins } = asked
  return db.transaction(async (tx) => {
    const lock = `highlevel-setup:${payerKey}:${currency}:${begins ?? ''}`
    await tx.execute(sql`select pg_advisory_xact_lock(hashtextextended(${lock}, 0))`)
    const at = now()
    const [open] = await tx
      .select()
      .from(highlevelSetups)
      .where(
        and(
          eq(highlevelSetups.payerKey, payerKey),
          eq(highlevelSetups.currency, currency),
          begins === null ? isNull(highlevelSetups.begins) : eq(highlevelSetups.begins, begins),
          // A process that died while it asked has left a page that nobody knows, and so nobody can use.
          gt(
            highlevelSetups.createdAt,
            sql`case when ${highlevelSetups.status} = 'intended'
              then ${new Date(at.getTime() - 60_000).toISOString()}::timestamptz
              else ${new Date(at.getTime() - SESSION_LIFETIME_MS + MARGIN_MS).toISOString()}::timestamptz end`,
          ),
          inArray(highlevelSetups.status, ['intended', 'open']),
        ),
      )
      .orderBy(desc(highlevelSetups.createdAt))
      .limit(1)
    if (open) return { row: open, isOurs: false }
    const [row] = await tx
      .insert(highlevelSetups)
      .values({
        ref: newPayToken(),
        locationId,
        mode,
        ...asked,
        nonce: randomBytes(NONCE_BYTES).toString('base64url'),
        status: 'intended',
        expiresAt: new Date(at.getTime() + SESSION_LIFETIME_MS),
        createdAt: at,
      })
      .returning()
    if (!row) throw new Error('a setup was not written')
    return { row, isOurs: true }
  })
}

/** Like every checkout: one whose answer was lost can be used by nobody, so there is nothing to look for. */
async function openPage(deps: HighlevelDeps, row: SetupRow) {
  const on = await deps.onAccount(row.account, 'urgent')
  const intent = intentOf(deps.db, `setup:${row.payerKey}`)
  const fail = async () => {
    await intent.forget()
    await change(deps, row.ref, { status: 'failed' })
  }
  if (!on) return fail()
  try {
    await once<CheckoutBody, DodoCheckout>(deps, {
      what: `whether Dodo opened a page for ${row.ref}`,
      prepare: () => describePage(on, row),
      reserve: on.dodo.reserve,
      intend: intent.intend,
      make: (body, turn) => on.dodo.createCheckout(body, `highlevel-setup-${row.ref}`, turn),
      async keep({ checkout_url: checkoutUrl }) {
        await change(deps, row.ref, { status: 'open', checkoutUrl })
        await intent.forget()
      },
      doubt: fail,
      forget: fail,
      async refused(refusal) {
        deps.log.warn({ ref: row.ref, error: messageOf(refusal) }, 'Dodo opens no page')
        await fail()
      },
    })
  } catch (error) {
    await fail()
    throw error
  }
}

const change = async (
  { db }: Pick<HighlevelDeps, 'db'>,
  ref: string,
  set: Partial<typeof highlevelSetups.$inferInsert>,
): Promise<void> =>
  void (await db.update(highlevelSetups).set(set).where(eq(highlevelSetups.ref, ref)))

/** Who is known at Dodo saves it there; anybody else is asked by Dodo's page who they are. */
async function describePage(on: OnAccount, row: SetupRow): Promise<CheckoutBody> {
  const productId = await findOrCreateProduct(on, { kind: 'mandate', currency: row.currency })
  const known = await findPayer(on, row.payerKey)
  const customerId = known?.dodoCustomerId
  return {
    product_cart: [{ product_id: productId, quantity: 1 }],
    ...(customerId && { customer: { customer_id: customerId } }),
    minimal_address: true,
    subscription_data: { on_demand: { mandate_only: true } },
    return_url: `${on.config.publicUrl}/highlevel/pay/done`,
    feature_flags: {
      allow_discount_code: false,
      allow_currency_selection: false,
      allow_tax_id: false,
      allow_phone_number_collection: false,
      ...(!customerId && { always_create_new_customer: true }),
    },
    // Beside Lago the account's own biller would name a customer of Lago's.
    metadata: { ...describePayer(row.payerKey), [NONCE]: row.nonce },
  }
}

async function findPayer({ db }: Pick<Deps, 'db'>, payerKey: string) {
  const [row] = await db.select().from(payers).where(eq(payers.payerKey, payerKey))
  return row
}

/** Asks Dodo what became of a page, and writes down the card that was saved there. */
export async function lookAtSetup(
  deps: HighlevelDeps,
  row: SetupRow,
  urgency: Urgency = 'urgent',
): Promise<SetupRow> {
  if (row.status !== 'open') return row
  const on = await deps.onAccount(row.account, urgency)
  const made = on && (await findMade(on, row))
  if (on && made) await adopt(deps, on, row, made)
  return (await findSetup(deps, row.ref)) ?? row
}

/** The pages on which a subscription may have begun. */
export async function lookAtSetupsOf(deps: HighlevelDeps, { id }: { id: string }): Promise<void> {
  const rows = await deps.db
    .select()
    .from(highlevelSetups)
    .where(and(eq(highlevelSetups.begins, id), eq(highlevelSetups.status, 'open')))
  for (const row of rows) await lookAtSetup(deps, row)
}

async function findMade(on: OnAccount, row: SetupRow): Promise<DodoSubscription | undefined> {
  const isThis = ({ metadata }: DodoSubscription) => metadata[NONCE] === row.nonce
  const known = await findPayer(on, row.payerKey)
  if (known?.dodoCustomerId) {
    const own = await on.dodo.listSubscriptionsOf(known.dodoCustomerId)
    const found = own.find(isThis)
    if (found) return found
  }
  const productId = await findOrCreateProduct(on, { kind: 'mandate', currency: row.currency })
  const since = new Date(row.createdAt.getTime() - SKEW_MS)
  const until = new Date(on.now().getTime() + SKEW_MS)
  for (let page = 0; page < MAX_PAGES; page += 1) {
    const { rows, count } = await on.dodo.subscriptionPage(productId, since, until, page)
    const found = rows.find(isThis)
    if (found || count === 0) return found
  }
  return undefined
}

/**
 * A mandate that says to be of a page of ours, by what only that page was told. `dodoSubscriptionId` came by a webhook.
 */
export async function adoptMandate(
  deps: HighlevelDeps,
  on: OnAccount,
  dodoSubscriptionId: string,
): Promise<void> {
  const subscription = await on.dodo.findSubscription(dodoSubscriptionId)
  const nonce = subscription?.metadata[NONCE]
  if (!subscription || !nonce) return
  const [row] = await deps.db
    .select()
    .from(highlevelSetups)
    .where(and(eq(highlevelSetups.nonce, nonce), eq(highlevelSetups.account, on.account)))
  if (row) await adopt(deps, on, row, subscription)
}

async function adopt(
  deps: HighlevelDeps,
  on: OnAccount,
  row: SetupRow,
  subscription: DodoSubscription,
) {
  const { subscription_id: dodoSubscriptionId, status } = subscription
  if (status === 'failed') {
    if (row.status === 'open') await change(deps, row.ref, { status: 'failed' })
    return
  }
  if (status !== 'active') return
  await rememberCustomer(on, row.payerKey, subscription.customer.customer_id)
  await observeMandate(on, subscription, row.payerKey)
  const at = deps.now()
  await deps.db.transaction(async (tx) => {
    const done = await tx
      .update(highlevelSetups)
      .set({ status: 'done', dodoSubscriptionId })
      .where(and(eq(highlevelSetups.ref, row.ref), eq(highlevelSetups.status, 'open')))
      .returning({ ref: highlevelSetups.ref })
    if (done.length === 0 || row.begins === null) return
    const pending = await lockSubscription(tx, row.begins)
    if (pending?.status !== 'pending') return
    // The page's own account has the card, whichever the location collects into by now.
    const { account, payerKey } = row
    const begun = await beginSubscription(
      tx,
      { ...pending, account, payerKey },
      {
        now: at,
        isFirstPaid: false,
        dodoSubscriptionId,
      },
    )
    await planBeginning(deps, tx, { row: begun, orderId: undefined }, at)
  })
}

/** Whom Dodo's page has made a customer is the contact's from then on, if there was none. */
async function rememberCustomer({ db, now }: OnAccount, payerKey: string, customerId: string) {
  await db
    .insert(payers)
    .values({ payerKey, dodoCustomerId: customerId, payToken: newPayToken(), createdAt: now() })
    .onConflictDoUpdate({
      target: payers.payerKey,
      set: { dodoCustomerId: customerId },
      setWhere: isNull(payers.dodoCustomerId),
    })
}

/** Some of the pages that may have been used, and of which nobody has told. */
export const findOpenSetups: Finder<SetupRow> = async ({ db, now }, after, limit) => {
  const rows = await db
    .select()
    .from(highlevelSetups)
    .where(
      and(
        eq(highlevelSetups.status, 'open'),
        gt(highlevelSetups.expiresAt, new Date(now().getTime() - SKEW_MS)),
        gt(highlevelSetups.ref, after),
      ),
    )
    .orderBy(asc(highlevelSetups.ref))
    .limit(limit)
  return rows.map((row) => ({ ...row, cursor: row.ref }))
}
