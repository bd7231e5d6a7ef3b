/** @jsxImportSource hono/jsx */
import { Hono } from 'hono'

import type { Inspection, Inspected } from '../../doctor/inspect.ts'
import { audited } from '../../operate/audit.ts'
import { sweepNow } from '../../operate/sweep-now.ts'
import { testNotification } from '../../notify/test-notification.ts'
import { readHealth } from '../../report/dashboard/health.ts'
import { readWork } from '../../report/dashboard/activity.ts'
import { count } from '../../print/text.ts'
import { BUILD } from '../../version.ts'
import { testMail } from '../../mail/test-mail.ts'
import { requestOf } from './acting.ts'
import { Confirm } from './confirm.tsx'
import { readForm } from './form.ts'
import { Act, Facts, Link, When } from './kit.tsx'
import type { DashboardContext, DashboardDeps, Env, Show } from './show.tsx'
import { Table } from './table.tsx'
import { forPeople } from './words.ts'

/** Whoever opens the page does not wait longer for the checks: they go on, and are there the next time. */
const WAIT_MS = 8_000

/** How the bridge is: the checks of `doctor`, and what is waited for. */
export function healthPage(show: Show, deps: DashboardDeps) {
  const { db, queue, config } = deps

  return new Hono<Env>()
    .get('/', async (c) => {
      const [inspection, health, work] = await Promise.all([
        Promise.race([deps.inspect(), Bun.sleep(WAIT_MS).then(() => undefined)]),
        readHealth(db, queue.schema),
        readWork(db, queue.schema),
      ])
      return show(
        c,
        { title: 'Health', section: 'Health' },
        <>
          <div class="head">
            <h1>Health</h1>
            <div class="buttons noprint">
              <Act to="/health/sweep" label="Sweep now" />
              {config.alerts.url !== undefined && (
                <Act to="/health/notify-test" label="Send test notification" />
              )}
              {canMail(config) && !isViewer(c) && (
                <Link to="/health/mail-test" class="button">
                  Send test mail
                </Link>
              )}
            </div>
          </div>
          <Checks inspection={inspection} />
          <Work health={health} work={work} everyMs={config.reconcileEveryMs} />
          <Services metrics={deps.metrics} />
          <Webhooks health={health} />
          <Program health={health} mode={config.dodo.environment} retention={config.retentionMs} />
        </>,
      )
    })
    .route('/mail-test', mailTestPages(show, deps))
    .post('/sweep', async (c) => {
      const request = await requestOf(c, 'sweep', 'both services')
      await audited(deps, request, () => sweepNow(deps))
      return c.redirect(`${show.basePath}/dashboard/health?done=${request.formId}`, 303)
    })
    .post('/notify-test', async (c) => {
      const request = await requestOf(c, 'send test notification', 'ALERT_WEBHOOK_URL')
      await audited(deps, request, async () => {
        const lines: string[] = []
        const exitCode = await testNotification(
          deps,
          deps.tellWith,
          (line) => void lines.push(line),
        )
        return { isDone: exitCode === 0, said: lines.join(' ') }
      })
      return c.redirect(`${show.basePath}/dashboard/health?done=${request.formId}`, 303)
    })
}

/** Whether mail can leave at all, to customers or not. */
const canMail = ({ mail }: DashboardDeps['config']) =>
  mail.smtpUrl !== undefined && mail.from !== undefined
const isViewer = (c: DashboardContext) => c.get('session')?.role === 'viewer'

/** What no mailbox has in its address, and what would be several. */
const ADDRESS = /^[^\s@<>()"',;:\\]+@[^\s@<>()"',;:\\]+$/

/** One mail as a customer would get it, to whoever is asked for. */
function mailTestPages(show: Show, deps: DashboardDeps) {
  const { config } = deps
  return new Hono<Env>()
    .get('/', (c) =>
      show(
        c,
        { title: 'Send test mail', section: 'Health' },
        <Confirm
          title="Send a test mail?"
          says={[
            'Sends one mail about a made-up invoice, as a customer would get it, and shows what the server answers.',
          ]}
          press="Send test mail"
          to="/health/mail-test"
          back="/health"
          asks={{
            name: 'address',
            label: 'To this address',
            isRequired: true,
            type: 'email',
            value: config.mail.testTo,
          }}
          whyNot={canMail(config) ? undefined : 'SMTP_URL and MAIL_FROM are not set'}
        />,
      ),
    )
    .post('/', async (c) => {
      const { address = '' } = await readForm(c)
      const request = await requestOf(c, 'send test mail', 'SMTP_URL')
      await audited(deps, request, async () => {
        if (!ADDRESS.test(address)) return { isDone: false, said: 'that is no e-mail address' }
        const lines: string[] = []
        const options = { kind: 'invoice', language: 'en' }
        const exitCode = await testMail(config, address, options, (line) => void lines.push(line))
        return { isDone: exitCode === 0, said: lines.join(' ') }
      })
      return c.redirect(`${show.basePath}/dashboard/health?done=${request.formId}`, 303)
    })
}

const SHOWN = {
  fail: ['■', 'broken', 'differ'],
  warn: ['▲', 'look at it', 'failed'],
  ok: ['●', 'well', 'agree'],
  skip: ['·', 'not looked at', 'skipped'],
} as const
const WORST_FIRST = ['fail', 'warn', 'ok', 'skip'] as const

function Checks({ inspection }: { inspection: Inspection | undefined }) {
  if (!inspection) {
    return (
      <section aria-labelledby="checks">
        <h2 id="checks">Checks</h2>
        <p class="notice">
          A service takes its time to answer. <Link to="/health">Check again</Link>
        </p>
      </section>
    )
  }
  const checks = inspection.checks.toSorted(
    (one, other) => WORST_FIRST.indexOf(one.verdict) - WORST_FIRST.indexOf(other.verdict),
  )
  return (
    <section aria-labelledby="checks">
      <h2 id="checks">Checks</h2>
      <p class="soft">
        What <code>bridge doctor</code> looks at, as of <When at={inspection.at} />. They run when
        somebody looks, at most once a minute.
      </p>
      <Table
        caption="Checks"
        columns={[
          { label: 'Check', is: 'keep' },
          { label: 'Verdict', is: 'keep' },
          'What was seen',
          'What mends it',
          { label: 'Last well', is: 'keep' },
        ]}
        rows={checks.map((one) => [
          <code>{one.id}</code>,
          <Verdict of={one} />,
          forPeople(one.evidence),
          one.fix ?? '–',
          one.lastGoodAt ? <When at={one.lastGoodAt} only="age" /> : 'not since the start',
        ])}
        empty="No check was run."
      />
    </section>
  )
}

function Verdict({ of }: { of: Inspected }) {
  const [shape, word, colour] = SHOWN[of.verdict]
  return (
    <span class={`badge ${colour}`}>
      <span aria-hidden="true">{shape}</span>
      <span>{word}</span>
    </span>
  )
}

type Health = Awaited<ReturnType<typeof readHealth>>

function Work(props: {
  health: Health
  work: Awaited<ReturnType<typeof readWork>>
  everyMs: number
}) {
  const { health, work, everyMs } = props
  const running = health.jobs.filter(({ state }) => state !== 'deferred')
  return (
    <section aria-labelledby="work" class="card">
      <h2 id="work">Work</h2>
      <Facts
        rows={[
          [
            'Last sweep',
            <>
              <When at={work.sweptAt} />; one every {everyMs / 60_000} min
            </>,
          ],
          ['Queue', `${work.waiting} waiting, ${work.running} running`],
          ...running.map(({ kind, state, count: many, waited }) => {
            const since = state === 'ready' ? `, the oldest for ${Math.round(waited)} s` : ''
            return [`${kind}, ${state}`, `${many}${since}`] as const
          }),
          [
            'Dead letters',
            health.dead === 0 ? (
              'none'
            ) : (
              <Link to="/dead-letters">{count(health.dead, 'job')} gave up</Link>
            ),
          ],
          ['Replicas', `${health.replicas} alive`],
        ]}
      />
    </section>
  )
}

const percent = (ratio: number) => `${Math.round(ratio * 100)} %`

/** How the services answer this process, and how much of its share of their limits is used. */
function Services({ metrics }: { metrics: DashboardDeps['metrics'] }) {
  const budgets = metrics.budgets()
  const answers = metrics.answers()
  return (
    <section aria-labelledby="services" class="card">
      <h2 id="services">Services</h2>
      <Facts
        rows={['lago', 'dodo'].map((service) => {
          const of = answers.find((one) => one.service === service)
          const used = budgets
            .filter((one) => one.service === service)
            .map(({ window, used: ratio }) => `${percent(ratio)} of this ${window}`)
          const answered =
            of === undefined || of.calls === 0
              ? 'not asked in the last hour'
              : `${Math.round(of.p50Ms ?? 0)} ms in the middle, ${percent(of.failed / of.calls)} failed of ${of.isCut ? `the last ${of.calls} requests` : `${count(of.calls, 'request')} in an hour`}`
          const isUsed =
            used.length > 0 ? `; request budget used: ${[...new Set(used)].join(', ')}` : ''
          return [nameOf(service), `${answered}${isUsed}`] as const
        })}
      />
      <p class="soft small">As this replica sees it.</p>
    </section>
  )
}

const NAMES: Readonly<Record<string, string>> = {
  lago: 'Lago',
  dodo: 'Dodo',
  highlevel: 'HighLevel',
}
const nameOf = (source: string) => NAMES[source] ?? source

function Webhooks({ health }: { health: Health }) {
  return (
    <section aria-labelledby="webhooks" class="card">
      <h2 id="webhooks">Webhooks</h2>
      <Facts
        rows={health.arrived.map(({ source, lastAt, unread }) => {
          const refused = health.refused.find((one) => one.source === source)
          const lost = health.lost.find(({ label }) => label === source)?.value ?? 0
          return [
            nameOf(source),
            <>
              last <When at={lastAt} />; {unread} waiting to be read; {lost} found by sweeps whose
              webhook never came;{' '}
              {refused ? (
                <>
                  {refused.count} refused, the last <When at={refused.lastAt} only="age" />: “
                  {refused.reason}”
                </>
              ) : (
                'none refused in 24 h'
              )}
            </>,
          ] as const
        })}
      />
    </section>
  )
}

const MEGABYTE = 1024 * 1024
const DAY_MS = 24 * 3_600_000

function Program(props: { health: Health; mode: string; retention: number | undefined }) {
  const { size } = props.health
  const kept =
    props.retention === undefined ? 'kept for ever' : `kept ${props.retention / DAY_MS} d`
  return (
    <section aria-labelledby="program" class="card">
      <h2 id="program">Program and database</h2>
      <Facts
        rows={[
          ['Bridge', `${BUILD}, Bun ${Bun.version}, Dodo ${props.mode} mode`],
          [
            'Database',
            `Postgres ${size.version}, ${Math.round(size.bytes / MEGABYTE)} MB, of which deliveries ${Math.round(size.deliveries / MEGABYTE)} MB (${kept})`,
          ],
        ]}
      />
    </section>
  )
}
