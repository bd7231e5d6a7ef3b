import { and, eq, ne } from 'drizzle-orm'

import { payers } from '../../db/schema.ts'
import type { Deps } from '../deps.ts'
import type { CheckoutBody } from '../../dodo/client.ts'
import { intentOf } from '../intents.ts'
import { newPayToken } from '../load.ts'
import { once } from '../once.ts'
import type { Payer } from '../receivable.ts'
import { explainSettings } from '../explain-settings.ts'
import { isRefused } from '../unknown-outcome.ts'

type Directory = Pick<Deps, 'account' | 'alone' | 'biller' | 'db' | 'dodo' | 'now'>
/** A payer who is known at Dodo. */
export type PayerRow = typeof payers.$inferSelect & { dodoCustomerId: string }

type Country = NonNullable<CheckoutBody['billing_address']>['country']

/**
 * Who pays a checkout, as it says it. Where the books do not know the e-mail address or the country, the hosted
 * page asks, and whoever answers is nobody's Dodo customer but their own: an e-mail address that somebody
 * types must not lead to the customer, or the cards, of another.
 */
export async function describePayer(
  deps: Directory,
  payer: Payer,
): Promise<{
  asked: Pick<CheckoutBody, 'customer' | 'billing_address'>
  flags: CheckoutBody['feature_flags']
}> {
  const { country, postcode, name, email, isKept = false } = payer
  const address = country && {
    billing_address: { country: country as Country, ...(postcode && { zipcode: postcode }) },
  }
  const isKnown = isKept && (await recallPayer(deps, payer.key)) !== undefined
  if (isKnown || (email && (country || isKept))) {
    const customerId = await findOrCreateCustomer(deps, payer)
    return { asked: { customer: { customer_id: customerId }, ...address }, flags: {} }
  }
  return {
    // A name that is given cannot be changed on the page: none is no name.
    asked: { ...(email && { customer: { email, ...(name && { name }) } }), ...address },
    flags: { always_create_new_customer: true },
  }
}

/**
 * Who a payer is at Dodo: remembered, else found by e-mail and our metadata, else created. An
 * e-mail alone identifies nobody: two payers may share one, and never share a Dodo customer.
 */
export async function findOrCreateCustomer(deps: Directory, payer: Payer): Promise<string> {
  const { key: payerKey } = payer
  const known = await recallPayer(deps, payerKey)
  // Also when the event that told of a change got lost.
  if (known && (await updatePayer(deps, known, payer))) return known.dodoCustomerId
  return deps.alone(`customer:${payerKey}`, async () => {
    const meanwhile = await recallPayer(deps, payerKey)
    if (meanwhile) return meanwhile.dodoCustomerId
    const dodoCustomerId = await establish(deps, payer)
    if (!dodoCustomerId) throw new Error(`customer ${payerKey} was not created at Dodo`)
    return dodoCustomerId
  })
}

export async function recallPayer(
  { db }: Pick<Deps, 'db'>,
  payerKey: string,
): Promise<PayerRow | undefined> {
  const [row] = await db.select().from(payers).where(eq(payers.payerKey, payerKey))
  return row?.dodoCustomerId ? { ...row, dodoCustomerId: row.dodoCustomerId } : undefined
}

/**
 * Tells Dodo the name and e-mail address that the books have now, if it was told others. False when Dodo merged or forgot
 * the customer: then so do we, and the next look finds or creates one anew. Of whom the biller knows by an id alone the
 * books have none: what a browser says would send the receipts of one, and the way to their cards, to another.
 */
export async function updatePayer(
  deps: Pick<Deps, 'db' | 'dodo'>,
  row: PayerRow,
  payer: Payer,
): Promise<boolean> {
  const { db, dodo } = deps
  if (payer.isKept) return true
  const told = asTold(payer)
  const isSame =
    told.name === row.name &&
    told.email === row.email &&
    payer.country === row.country &&
    payer.currency === row.currency
  if (isSame) return true
  if (told.email && (told.name !== row.name || told.email !== row.email)) {
    const isGone = await dodo.updateCustomer(row.dodoCustomerId, told).then(
      () => false,
      (error: unknown) => {
        if (!isRefused(error) || error.status !== 404) throw error
        return true
      },
    )
    if (isGone) {
      await forgetCustomer(deps, row)
      return false
    }
  }
  await db
    .update(payers)
    .set({ ...told, country: payer.country, currency: payer.currency })
    .where(eq(payers.payerKey, row.payerKey))
  return true
}

/** Forgets a customer whom Dodo no longer has, so that they are found or created anew. */
export async function forgetCustomerIfGone(
  deps: Pick<Deps, 'db' | 'dodo'>,
  payerKey: string,
  dodoCustomerId: string | undefined,
): Promise<boolean> {
  if (dodoCustomerId === undefined) return false
  const known = await recallPayer(deps, payerKey)
  // Somebody else has come upon it meanwhile.
  if (known?.dodoCustomerId !== dodoCustomerId) return true
  if (await deps.dodo.findCustomer(dodoCustomerId)) return false
  await forgetCustomer(deps, known)
  return true
}

const forgetCustomer = (
  { db }: Pick<Deps, 'db'>,
  { payerKey, dodoCustomerId }: Pick<PayerRow, 'payerKey' | 'dodoCustomerId'>,
) =>
  db
    .update(payers)
    .set({ dodoCustomerId: null, setupUrl: null, setupExpiresAt: null })
    .where(
      and(
        eq(payers.payerKey, payerKey),
        dodoCustomerId === null ? undefined : eq(payers.dodoCustomerId, dodoCustomerId),
      ),
    )

/**
 * Ours at Dodo, by e-mail and metadata: what is marked as another tenant's is another's customer, and so is one that
 * another payer of ours is, who was met on the same account when it was called otherwise.
 */
async function find({ biller, db, dodo }: Directory, { email, key }: Payer) {
  for (const { customer_id, metadata } of await dodo.listCustomersByEmail(email ?? '')) {
    if (biller.payerNamed(metadata) !== key || (await biller.isForeign(metadata))) continue
    const isOthers = and(eq(payers.dodoCustomerId, customer_id), ne(payers.payerKey, key))
    if ((await db.$count(payers, isOthers)) === 0) return customer_id
  }
  return undefined
}

/** Found or created, once; written down in either case. */
async function establish(deps: Directory, payer: Payer): Promise<string | undefined> {
  const { key: payerKey } = payer
  const intent = intentOf(deps.db, `customer:${payerKey}`)
  type Known = { dodoCustomerId: string; isNew: boolean }
  const known = await once<{ metadata: Record<string, string> }, Known>(deps, {
    ...intent,
    what: `whether Dodo created customer ${payerKey}`,
    repeatableAt: await intent.repeatableAt(),
    async find() {
      const dodoCustomerId = await find(deps, payer)
      return dodoCustomerId ? { dodoCustomerId, isNew: false } : undefined
    },
    async prepare() {
      return {
        metadata: { ...deps.biller.describePayer(payerKey), ...(await deps.biller.mark()) },
      }
    },
    reserve: deps.dodo.reserve,
    async make(body, turn) {
      const told = asTold(payer)
      // Dodo takes nobody without a name.
      const name = told.name || told.email
      const made = await deps.dodo.createCustomer({ ...told, name, ...body }, turn)
      return { dodoCustomerId: made.customer_id, isNew: true }
    },
    async keep({ dodoCustomerId, isNew }) {
      await remember(deps, payer, { dodoCustomerId, isNew })
      await intent.forget()
    },
    async refused(refusal) {
      await intent.forget()
      throw explainSettings(refusal) ?? refusal
    },
  })
  return known?.dodoCustomerId
}

async function remember(
  { db, now }: Pick<Directory, 'db' | 'now'>,
  payer: Payer,
  { dodoCustomerId, isNew }: { dodoCustomerId: string; isNew: boolean },
) {
  const known = {
    dodoCustomerId,
    // What Dodo holds of one that was found is not known to be what the books say now.
    ...(isNew && asTold(payer)),
    country: payer.country,
    currency: payer.currency,
  }
  await db
    .insert(payers)
    .values({
      payerKey: payer.key,
      payToken: newPayToken(),
      createdAt: now(),
      ...known,
    })
    .onConflictDoUpdate({ target: payers.payerKey, set: known })
}

const asTold = ({ name, email }: Payer) => ({ name, email: email ?? '' })
