/** @jsxImportSource hono/jsx */
import { Hono } from 'hono'

import { listDeadLetters, redrive } from '../../deliveries/dead-letters.ts'
import { isJobKind } from '../../jobs.ts'
import { audited } from '../../operate/audit.ts'
import { count } from '../../report/text.ts'
import { requestOf } from './acting.ts'
import { readForm } from './form.ts'
import { Act, Link, When } from './kit.tsx'
import { inPath } from './query.ts'
import type { DashboardDeps, Env, Show } from './show.tsx'
import { Table } from './table.tsx'

type DeadLetter = Awaited<ReturnType<typeof listDeadLetters>>['items'][number]

const PAGES: Readonly<Record<string, string>> = {
  settle: 'invoices',
  bundle: 'payment-requests',
  customer: 'customers',
}

/** The jobs that are no longer tried by themselves, those with one error together, and a button to run them again. */
export function deadLetterPage(show: Show, deps: DashboardDeps) {
  return new Hono<Env>()
    .get('/', async (c) => {
      const { items, count: many } = await listDeadLetters(deps.db)
      const groups = [...Map.groupBy(items, ({ kind, error }) => `${kind} ${error}`).values()]
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
            <>
              {many > items.length && (
                <p class="soft">
                  The oldest {items.length} of {many}.
                </p>
              )}
              {groups.map((those, index) => (
                <Group {...{ those, index }} />
              ))}
            </>
          )}
        </>,
      )
    })
    .post('/redrive', async (c) => {
      const { kind = '', error } = await readForm(c)
      const request = await requestOf(c, 'redrive', `dead letters ${kind} ${error ?? ''}`)
      await audited(deps, request, async () => {
        // What names no group must not mean all of them.
        if (!isJobKind(kind) || !error) return { isDone: false, said: 'it names no dead letters' }
        const filter = { kind, error }
        const actor = { who: request.who, role: request.role, isOnRecord: true }
        const many = await redrive(deps, filter, actor)
        return { isDone: many > 0, said: `${count(many, 'job')} run again` }
      })
      const path = `${show.basePath}/dashboard/dead-letters`
      return c.redirect(`${path}?done=${request.formId}`, 303)
    })
}

function Group({ those, index }: { those: readonly DeadLetter[]; index: number }) {
  const [first] = those
  if (!first) return <></>
  const { kind, error } = first
  return (
    <section aria-labelledby={`group-${index}`}>
      <div class="head">
        <h2 id={`group-${index}`}>
          {count(those.length, 'job')}: {error}
        </h2>
        <Act
          to="/dead-letters/redrive"
          label="Run again"
          about={`what ended with: ${error}`}
          fields={{ kind, error }}
        />
      </div>
      <Table
        caption={`Jobs that ended with: ${error}`}
        columns={['About', 'Kind of work', { label: 'Gave up', is: 'keep' }]}
        rows={those.map(({ key, buriedAt }) => [
          PAGES[kind] ? (
            <Link to={`/${PAGES[kind]}/${inPath(key)}`}>{key}</Link>
          ) : (
            <code>{key}</code>
          ),
          kind,
          <When at={buriedAt} />,
        ])}
        empty=""
      />
    </section>
  )
}
