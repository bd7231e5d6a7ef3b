/** @jsxImportSource hono/jsx */
import type { Child } from 'hono/jsx'

import { Empty, Link } from './kit.tsx'
import { withQuery } from './query.ts'

export type Column = string | { label: string; is: 'number' | 'keep' | 'hidden' }

const labelOf = (column: Column | undefined) =>
  typeof column === 'object' ? column.label : (column ?? '')
const classOf = (column: Column | undefined) =>
  typeof column === 'object' ? (column.is === 'hidden' ? 'keep' : column.is) : undefined
const isHidden = (column: Column | undefined) =>
  typeof column === 'object' && column.is === 'hidden'

/**
 * A table, which on a narrow screen is a list of cards: its roles are written out, since browsers forget them there.
 * The first cell of a row names the row.
 */
export function Table(props: {
  caption: string
  columns: readonly Column[]
  rows: readonly (readonly Child[])[]
  empty: Child
}) {
  const { caption, columns, rows } = props
  if (rows.length === 0) return <Empty>{props.empty}</Empty>
  return (
    <div class="table">
      <table role="table">
        <caption class="hidden">{caption}</caption>
        <thead role="rowgroup">
          <tr role="row">
            {columns.map((column) => (
              <th scope="col" role="columnheader" class={classOf(column)}>
                {isHidden(column) ? <span class="hidden">{labelOf(column)}</span> : labelOf(column)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody role="rowgroup">
          {rows.map((cells) => (
            <Row columns={columns} cells={cells} />
          ))}
        </tbody>
      </table>
    </div>
  )
}

function Row({ columns, cells }: { columns: readonly Column[]; cells: readonly Child[] }) {
  return (
    <tr role="row">
      {cells.map((cell, index) => {
        const column = columns[index]
        const label = isHidden(column) ? '' : labelOf(column)
        return index === 0 ? (
          <th scope="row" role="rowheader" data-label={label} class={classOf(column)}>
            <div>{cell}</div>
          </th>
        ) : (
          <td role="cell" data-label={label} class={classOf(column)}>
            <div>{cell}</div>
          </td>
        )
      })}
    </tr>
  )
}

/** Where a list is, and how it is narrowed down. */
type List = { to: string; given?: Readonly<Record<string, string | undefined>> }

/** The way to the rows before and after those that are shown. */
export function Pager(props: List & { before?: string | undefined; next: string | undefined }) {
  const { to, given = {}, before, next } = props
  if (!before && !next) return <></>
  return (
    <nav class="pager" aria-label="Pages of this list">
      {before && (
        <Link to={withQuery(to, given)} class="button">
          From the beginning
        </Link>
      )}
      {next && (
        <Link to={withQuery(to, { ...given, before: next })} class="button">
          Next 50
        </Link>
      )}
    </nav>
  )
}

/** What a list is of, what may be done with it, and the same list with the same filters as a file. */
export const ListHead = (props: List & { title: string; children?: Child }) => (
  <div class="head">
    <h1>{props.title}</h1>
    {props.children}
    <Link to={withQuery(props.to, { ...props.given, as: 'csv' })} class="button noprint">
      Download as CSV
    </Link>
  </div>
)
