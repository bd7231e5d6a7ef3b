import { getTableColumns, sql, type InferSelectModel, type SQL } from 'drizzle-orm'
import type { PgColumn, PgTable } from 'drizzle-orm/pg-core'

type Columns = readonly (readonly [key: string, column: PgColumn])[]
const columnsOf = new WeakMap<PgTable, Columns>()

/**
 * The rows of a table that meet a condition, as one column: a statement with several of these reads several tables in
 * one round trip. `readRows` makes of it what a select would have returned.
 */
export const rowsOf = (table: PgTable, where: SQL | undefined, order?: SQL): SQL =>
  sql`(select coalesce(json_agg(${table}${order && sql` order by ${order}`}), '[]'::json) from ${table} where ${where})`

/** What `rowsOf` selected. */
export function readRows<Table extends PgTable>(
  table: Table,
  selected: unknown,
): InferSelectModel<Table>[] {
  const columns = columnsOf.get(table) ?? Object.entries<PgColumn>(getTableColumns(table))
  columnsOf.set(table, columns)
  return (selected as Record<string, unknown>[]).map((stored) => {
    const row: Record<string, unknown> = {}
    for (const [key, column] of columns) {
      const value = stored[column.name] ?? null
      row[key] = value === null ? null : column.mapFromDriverValue(value)
    }
    return row as InferSelectModel<Table>
  })
}
