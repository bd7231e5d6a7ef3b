/** @jsxImportSource hono/jsx */
import { Hono } from 'hono'

import { listDeadLetters, type DeadLetter } from '../../report/dashboard/dead-letters.ts'
import { count } from '../../report/text.ts'
import { Link, When } from './kit.tsx'
import { inPath } from './query.ts'
import type { DashboardDeps, Env, Show } from './show.tsx'
import { Table } from './table.tsx'

const PAGES: Readonly<Record<string, string>> = {
  settle: 'invoices',
  bundle: 'payment-requests',
  customer: 'customers',
}

/** The jobs that are no longer tried by themselves, those with one error together. */
export function deadLetterPage(show: Show, { db, queue }: DashboardDeps) {
  return new Hono<Env>().get('/', async (c) => {
    const letters = await listDeadLetters(db, queue.schema)
    const groups = [...Map.groupBy(letters, ({ error }) => error)]
    return show(
      c,
      { title: 'Dead letters', section: 'Dead letters' },
      <>
        <div class="intro">
          <h1>Dead letters</h1>
          <p class="soft">
            Jobs that failed twelve times over about half an hour and are no longer tried by
            themselves. An invoice among them needs attention; whatever else it is about, the next
            sweep looks at again.
          </p>
        </div>
        {groups.length === 0 ? (
          <p class="empty">
            No job has given up. Jobs run 12 times over about half an hour before they come here.
          </p>
        ) : (
          groups.map(([error, those], index) => <Group {...{ error, those, index }} />)
        )}
      </>,
    )
  })
}

const Group = (props: { error: string; those: readonly DeadLetter[]; index: number }) => (
  <section aria-labelledby={`group-${props.index}`}>
    <h2 id={`group-${props.index}`}>
      {count(props.those.length, 'job')}: {props.error}
    </h2>
    <Table
      caption={`Jobs that ended with: ${props.error}`}
      columns={['About', 'Kind of work', { label: 'Gave up', is: 'keep' }]}
      rows={props.those.map(({ kind, key, diedAt }) => [
        PAGES[kind] ? <Link to={`/${PAGES[kind]}/${inPath(key)}`}>{key}</Link> : <code>{key}</code>,
        kind,
        <When at={diedAt} />,
      ])}
      empty=""
    />
  </section>
)
