import { and, eq, inArray, or, sql, type SQLWrapper } from 'drizzle-orm'

import type { Executor } from '../db/client.ts'
import { conditions, notifications } from '../db/schema.ts'
import { EMAIL, FORGOTTEN } from './forgotten.ts'

/** Whose, by everything that a notification may name: their receivables and payments, and they themselves. */
export type Whose = { own: SQLWrapper; paid: SQLWrapper; payerKey: string | undefined }

/** What somebody was told of a customer's invoices repeats their reasons, and those a service's words. */
export async function eraseTold(
  tx: Executor,
  whose: Whose,
  names: readonly string[],
): Promise<void> {
  for (const table of [notifications, conditions]) {
    const rows = await tx
      .select({
        type: table.type,
        subject: table.subject,
        text: table.text,
        data: table.data,
      })
      .from(table)
      .where(and(isAbout(table, whose), isTelling(table, names)))
    for (const { type, subject, text, data } of rows)
      await tx
        .update(table)
        .set({ text: erase(text, names), data: eraseAll(data, names) })
        .where(and(eq(table.type, type), eq(table.subject, subject), eq(table.text, text)))
  }
}

type Told = typeof notifications | typeof conditions

/** A digest names many, each in its items. */
const isAbout = ({ type, subject, data }: Told, { own, paid, payerKey }: Whose) => {
  const named = sql`${data} ->> 'customer'`
  const isOfItem = (ids: SQLWrapper) =>
    sql`exists (select 1 from jsonb_array_elements(${data} -> 'items') as item where item ->> 'subject' in ${ids})`
  return or(
    inArray(subject, own),
    inArray(subject, paid),
    sql`${data} ->> 'lagoInvoiceId' in ${own}`,
    sql`${data} ->> 'key' in ${own}`,
    payerKey === undefined ? undefined : eq(named, payerKey),
    payerKey === undefined ? undefined : sql`${data} ->> 'key' = ${payerKey}`,
    and(eq(type, 'digest'), or(isOfItem(own), isOfItem(paid))),
  )
}

const isTelling = ({ text, data }: Told, names: readonly string[]) =>
  or(
    sql`${data}::text ~ ${EMAIL}`,
    sql`${text} ~ ${EMAIL}`,
    ...names.map((name) => sql`position(${name} in ${text}) > 0`),
    ...names.map(
      (name) => sql`position(${JSON.stringify(name).slice(1, -1)} in ${data}::text) > 0`,
    ),
  )

const erase = (text: string, names: readonly string[]) =>
  names.reduce(
    (cleared, name) => cleared.replaceAll(name, FORGOTTEN),
    text.replaceAll(new RegExp(EMAIL, 'g'), FORGOTTEN),
  )

function eraseAll<Value>(value: Value, names: readonly string[]): Value
function eraseAll(value: unknown, names: readonly string[]): unknown {
  if (typeof value === 'string') return erase(value, names)
  if (Array.isArray(value)) return value.map((one: unknown) => eraseAll(one, names))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => [name, eraseAll(inner as unknown, names)]),
  )
}
