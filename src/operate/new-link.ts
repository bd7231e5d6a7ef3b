import { eq } from 'drizzle-orm'

import { newPayToken } from '../collect/load.ts'
import { note } from '../collect/timeline.ts'
import { accountPages, payers, receivables } from '../db/schema.ts'
import type { Deps } from '../deps.ts'
import { wake, wakeWithin } from '../wakes.ts'
import type { Outcome } from './audit.ts'

type Linking = Pick<Deps, 'db' | 'queue' | 'now'>

const GONE = 'the old link answers 404 from now on'

/** Another pay link: whoever holds the old one finds nothing. Lago is told of the new one by the next look. */
export async function renewPayLink(
  { db, queue, now }: Linking,
  receivableId: string,
  who: string,
): Promise<Outcome> {
  const isKnown = await db.transaction(async (tx) => {
    const rows = await tx
      .update(receivables)
      .set({ payToken: newPayToken() })
      .where(eq(receivables.receivableId, receivableId))
      .returning({ kind: receivables.kind })
    const [row] = rows
    if (!row) return false
    await note(tx, receivableId, `another pay link was made by ${who}; ${GONE}`, now())
    const kind = row.kind === 'payment_request' || row.kind === 'selection' ? 'bundle' : 'settle'
    await wakeWithin({ db: tx, queue }, kind, [receivableId], 'operator')
    return true
  })
  if (!isKnown) return { isDone: false, said: 'the bridge does not know this invoice' }
  return { isDone: true, said: `another pay link was made; ${GONE}` }
}

/** Another link to save a card, and another to the page of all that is owed. */
export async function renewSetupLink(
  { config, db, queue }: Pick<Linking, 'db' | 'queue'> & Pick<Deps, 'config'>,
  payerKey: string,
): Promise<Outcome> {
  const renewed = await db.transaction(async (tx) => [
    ...(await tx
      .update(payers)
      .set({ payToken: newPayToken() })
      .where(eq(payers.payerKey, payerKey))
      .returning({ payerKey: payers.payerKey })),
    ...(await tx
      .update(accountPages)
      .set({ token: newPayToken() })
      .where(eq(accountPages.payerKey, payerKey))
      .returning({ payerKey: accountPages.payerKey })),
  ])
  if (renewed.length === 0) return { isDone: false, said: 'the bridge does not know this customer' }
  // What is printed on the next invoice must not be the old one.
  if (config.mail.isLinkOnInvoice && config.lago.isOn)
    await wake({ db, queue }, 'customer', [payerKey], 'operator')
  return {
    isDone: true,
    said: `other links to save a card and to the account page were made; the old ones answer 404 from now on`,
  }
}
