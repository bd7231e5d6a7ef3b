/** @jsxImportSource hono/jsx */
import { Hono } from 'hono'

import { search as find, type Hit } from '../../report/dashboard/search.ts'
import { Act, addressOf, Link } from './kit.tsx'
import { given, inPath } from './query.ts'
import type { DashboardDeps, Env, Show } from './show.tsx'

const KINDS = [
  ['invoice', 'Invoices'],
  ['customer', 'Customers'],
  ['request', 'Payment requests'],
  ['order', 'Orders'],
  ['delivery', 'Deliveries'],
] as const

/** One box for every number, name and id. What leads to one thing leads there at once. */
export function search(show: Show, deps: DashboardDeps) {
  return new Hono<Env>().get('/', async (c) => {
    const query = given(c, 'q')
    const { hits, said } =
      query === undefined ? { hits: [], said: undefined } : await find(deps, query)
    const [only] = hits
    if (only && hits.length === 1) return c.redirect(addressOf(show.basePath, pathOf(only)))
    return show(
      c,
      { title: 'Search', query: query ?? '' },
      <>
        <div class="intro">
          <h1>Search</h1>
          {said && <p>{said}</p>}
        </div>
        {hits.length === 0 && <Nothing query={query} />}
        {KINDS.map(([kind, title]) => (
          <Hits title={title} kind={kind} hits={hits.filter((hit) => hit.kind === kind)} />
        ))}
      </>,
    )
  })
}

function pathOf(hit: Hit): string {
  switch (hit.kind) {
    case 'invoice':
      return `/invoices/${inPath(hit.key)}`
    case 'customer':
      return `/customers/${inPath(hit.key)}`
    case 'request':
      return `/payment-requests/${inPath(hit.key)}`
    case 'order':
      return `/orders/${inPath(hit.key)}`
    case 'delivery':
      return `/deliveries/${hit.source}/${inPath(hit.key)}`
  }
}

const Hits = ({ title, kind, hits }: { title: string; kind: string; hits: readonly Hit[] }) =>
  hits.length === 0 ? (
    <></>
  ) : (
    <section aria-labelledby={kind}>
      <h2 id={kind}>{title}</h2>
      <ul class="card lines">
        {hits.map((hit) => (
          <li>
            <Link to={pathOf(hit)}>{hit.key}</Link>
            <span>{hit.label}</span>
          </li>
        ))}
      </ul>
    </section>
  )

const Nothing = ({ query }: { query: string | undefined }) =>
  query === undefined ? (
    <p class="empty">
      Write a number, how a name begins, a pay link, or any id of Lago, Dodo or a delivery.
    </p>
  ) : (
    <div class="empty">
      <p>
        Nothing here has the number, name or id <code>{query}</code>.
      </p>
      <p>Deliveries of webhooks may be lost: Lago may know it as an invoice.</p>
      <Act to={`/invoices/${inPath(query)}/find`} label="Look in Lago" />
    </div>
  )
