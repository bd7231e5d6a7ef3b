/** @jsxImportSource hono/jsx */
import { Hono } from 'hono'

import { forgetDeadLetters, listDeadLetters, redrive } from '../../deliveries/dead-letters.ts'
import { pageDeadLetters } from '../../report/dashboard/dead-letters.ts'
import { isJobKind } from '../../jobs.ts'
import { audited } from '../../operate/audit.ts'
import { count } from '../../print/text.ts'
import { requestOf } from './acting.ts'
import { deadLetters } from '../../db/schema.ts'
import { Confirm } from './confirm.tsx'
import { readForm } from './form.ts'
import { Act, Link, When } from './kit.tsx'
import { given, inPath, withQuery } from './query.ts'
import type { DashboardDeps, Env, Show } from './show.tsx'
import { answerCsv, asCsvAsked, readAll } from './csv.ts'
import { ListHead, Table } from './table.tsx'

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
      if (asCsvAsked(c)) {
        const pages = readAll(
          (cursor, limit) => pageDeadLetters(deps.db, cursor, limit),
          (all) =>
            all.map(({ buriedAt, kind, key, error }) => [buriedAt.toISOString(), kind, key, error]),
        )
        return answerCsv(c, 'dead-letters', ['gave_up_at', 'kind', 'key', 'error'], pages)
      }
      const { items, count: many } = await listDeadLetters(deps.db)
      const groups = [...Map.groupBy(items, ({ kind, error }) => `${kind} ${error}`).values()]
      return show(
        c,
        { title: 'Dead letters', section: 'Dead letters' },
        <>
          <ListHead title="Dead letters" to="/dead-letters" />
          <div class="intro">
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
              {groups.length > 1 && (
                <div class="buttons noprint">
                  <Link to="/dead-letters/redrive-all" class="button">
                    Run all {many} again
                  </Link>
                </div>
              )}
              {groups.map((those, index) => (
                <Group {...{ those, index }} />
              ))}
            </>
          )}
        </>,
      )
    })
    .get('/redrive-all', async (c) => {
      const many = await deps.db.$count(deadLetters)
      return show(
        c,
        { title: 'Run all again', section: 'Dead letters' },
        <Confirm
          title={`Run ${count(many, 'job')} again?`}
          says={[
            'Each goes back into its queue, and looks at what it is about as if it had just been told of it. Nothing is charged, recorded or refunded twice.',
          ]}
          press="Run all again"
          to="/dead-letters/redrive-all"
          back="/dead-letters"
          whyNot={many === 0 ? 'no job has given up' : undefined}
        />,
      )
    })
    .post('/redrive-all', async (c) => {
      const request = await requestOf(c, 'redrive', 'all dead letters')
      await audited(deps, request, async () => {
        const many = await redrive(deps, {}, actorOf(request))
        return { isDone: many > 0, said: `${count(many, 'job')} run again` }
      })
      return c.redirect(`${show.basePath}/dashboard/dead-letters?done=${request.formId}`, 303)
    })
    .get('/forget', (c) => {
      const [kind, error] = [given(c, 'kind') ?? '', c.req.query('error') ?? '']
      return show(
        c,
        { title: 'Put away', section: 'Dead letters' },
        <Confirm
          title="Put these jobs away?"
          says={[
            `${kind}: ${error}`,
            'They are not run again, and leave this page; what they are about is looked at as ever. Your reason stays on record.',
          ]}
          press="Put them away"
          to="/dead-letters/forget"
          back="/dead-letters"
          asks={{ name: 'reason', label: 'Why', isRequired: true }}
          fields={{ kind, error }}
          whyNot={isJobKind(kind) && error ? undefined : 'it names no dead letters'}
        />,
      )
    })
    .post('/forget', async (c) => {
      const { kind = '', error, reason = '' } = await readForm(c)
      const request = await requestOf(c, 'forget', `dead letters ${kind} ${error ?? ''}`)
      await audited(deps, request, async () => {
        if (!isJobKind(kind) || !error) return { isDone: false, said: 'it names no dead letters' }
        if (reason.trim() === '') return { isDone: false, said: 'a reason is wanting' }
        const many = await forgetDeadLetters(
          deps,
          { kind, error },
          { reason: reason.trim(), actor: actorOf(request) },
        )
        return { isDone: many > 0, said: `${count(many, 'job')} put away: ${reason.trim()}` }
      })
      return c.redirect(`${show.basePath}/dashboard/dead-letters?done=${request.formId}`, 303)
    })
    .post('/redrive', async (c) => {
      const { kind = '', error } = await readForm(c)
      const request = await requestOf(c, 'redrive', `dead letters ${kind} ${error ?? ''}`)
      await audited(deps, request, async () => {
        // What names no group must not mean all of them.
        if (!isJobKind(kind) || !error) return { isDone: false, said: 'it names no dead letters' }
        const filter = { kind, error }
        const many = await redrive(deps, filter, actorOf(request))
        return { isDone: many > 0, said: `${count(many, 'job')} run again` }
      })
      const path = `${show.basePath}/dashboard/dead-letters`
      return c.redirect(`${path}?done=${request.formId}`, 303)
    })
}

const actorOf = ({ who, role }: Awaited<ReturnType<typeof requestOf>>) => ({
  who,
  role,
  isOnRecord: true as const,
})

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
        <Link to={withQuery('/dead-letters/forget', { kind, error })}>
          Put away<span class="hidden"> what ended with: {error}</span>
        </Link>
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
