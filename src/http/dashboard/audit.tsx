/** @jsxImportSource hono/jsx */
import { Hono } from 'hono'

import { listActions } from '../../report/dashboard/audit.ts'
import { answerCsv, asCsvAsked, readAll } from './csv.ts'
import { Link, When } from './kit.tsx'
import { given, inPath } from './query.ts'
import type { DashboardDeps, Env, Show } from './show.tsx'
import { ListHead, Pager, Table } from './table.tsx'
import { forPeople } from './words.ts'

/** Who did what on these pages. */
export function auditPage(show: Show, { db }: DashboardDeps) {
  return new Hono<Env>().get('/', async (c) => {
    if (asCsvAsked(c)) {
      const pages = readAll(
        (cursor, limit) => listActions(db, cursor, limit),
        (items) =>
          items.map(({ at, who, role, action, subject, outcome }) => {
            return [at.toISOString(), who, role, action, subject, outcome]
          }),
      )
      return answerCsv(c, 'audit', ['at', 'who', 'role', 'action', 'subject', 'outcome'], pages)
    }
    const before = given(c, 'before')
    const { items, next } = await listActions(db, before)
    return show(
      c,
      { title: 'Audit', section: 'Audit' },
      <>
        <ListHead title="Audit" to="/health/audit" />
        <div class="intro">
          <p class="soft">
            What was done on these pages, by the name that was given at sign-in. It is kept for
            ever.
          </p>
        </div>
        <Table
          caption="What operators did"
          columns={[{ label: 'When', is: 'keep' }, 'Who', 'Did', 'To', 'Outcome']}
          rows={items.map(({ at, who, action, subject, outcome }) => [
            <When at={at} />,
            who,
            action,
            <Subject of={subject} />,
            forPeople(outcome),
          ])}
          empty="Nobody has done anything here yet."
        />
        <Pager to="/health/audit" before={before} next={next} />
      </>,
    )
  })
}

function Subject({ of }: { of: string }) {
  const [kind, id] = of.split(' ', 2)
  if (kind !== 'invoice' || id === undefined) return <>{of}</>
  return (
    <>
      invoice <Link to={`/invoices/${inPath(id)}`}>{id}</Link>
    </>
  )
}
