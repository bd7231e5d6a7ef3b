/** @jsxImportSource hono/jsx */
import type { readDelivery, Subject } from '../../report/dashboard/deliveries.ts'
import type { JobRun, readJobsOf } from '../../report/dashboard/jobs-of.ts'
import { count } from '../../print/text.ts'
import { describeOutcome } from './delivery-table.tsx'
import { Act, Facts, Id, Link, PaymentId, When } from './kit.tsx'
import { Lines } from './lines.tsx'
import { maskPersonal } from './personal.ts'
import { inPath } from './query.ts'
import { ReceivableLink } from './receivable-link.tsx'
import { Table } from './table.tsx'
import { SOURCE_WORDS } from './words.ts'

type Delivery = NonNullable<Awaited<ReturnType<typeof readDelivery>>>

/** More is not read by anybody on a page, and would keep the others waiting. */
const MAX_SHOWN_BYTES = 512 * 1024

/** Of what was said: all, all but who somebody is, or, for who may only look, nothing. */
type Shown = 'revealed' | 'covered' | 'withheld'

/** One delivery: what was said, what it made us look at, and what came of it. */
export function DeliveryPage(props: {
  delivery: Delivery
  subject: Subject | undefined
  written: readonly { at: Date; what: string }[]
  jobs: Awaited<ReturnType<typeof readJobsOf>>
  body: Shown
}) {
  const { delivery, subject, written } = props
  const { source, deliveryId, eventType, receivedAt, processedAt, dodoPaymentId } = delivery
  return (
    <>
      <h1>
        <code>{eventType}</code>
      </h1>
      <div class="card">
        <Facts
          rows={[
            ['From', SOURCE_WORDS[source]],
            ['Delivery', <Id of={deliveryId} what="the delivery’s id" />],
            [
              'Received',
              <>
                <When at={receivedAt} />
                {delivery.verifiedWith !== null && `, verified with ${delivery.verifiedWith}`}
              </>,
            ],
            delivery.repeats > 0 && ['Came again', count(delivery.repeats, 'time', 'times')],
            delivery.replayedAt !== null && [
              'Put through again',
              <When at={delivery.replayedAt} />,
            ],
            ['Read', processedAt ? <When at={processedAt} /> : 'not yet: it waits in the queue'],
            ['Outcome', describeOutcome(delivery)],
            ['About', subject ? <ReceivableLink {...subject} /> : <About delivery={delivery} />],
            dodoPaymentId !== null && ['Payment', <PaymentId of={dodoPaymentId} />],
            [
              'On a terminal',
              <Id of={`bridge replay ${source} ${deliveryId}`} what="the command" />,
            ],
          ]}
        />
      </div>
      <div class="buttons noprint">
        <Act to={`/deliveries/${source}/${inPath(deliveryId)}/replay`} label="Put through again" />
      </div>
      {written.length > 0 && (
        <section aria-labelledby="written">
          <h2 id="written">What this did</h2>
          <Lines of={written} />
        </section>
      )}
      {delivery.wakes && <Jobs of={props.jobs} />}
      <Said delivery={delivery} body={props.body} />
      <section aria-labelledby="headers">
        <h2 id="headers">Headers that were kept</h2>
        <pre tabindex={0}>{JSON.stringify(delivery.headers, null, 2)}</pre>
      </section>
    </>
  )
}

/** What the queue did about it, as long as it remembers. */
function Jobs({ of: { runs, failure } }: { of: Awaited<ReturnType<typeof readJobsOf>> }) {
  return (
    <section aria-labelledby="jobs">
      <h2 id="jobs">Jobs</h2>
      {failure && (
        <p class="notice warn">
          The last run ended with “{failure.why}”
          {failure.nextRunAt && (
            <>
              ; the next is due <When at={failure.nextRunAt} />
            </>
          )}
        </p>
      )}
      <Table
        caption="The runs of what this woke, the oldest first"
        columns={['Sent', 'Run', 'State', 'Began', { label: 'Took', is: 'number' }]}
        rows={runs.map((one) => [
          <When at={one.createdAt} />,
          String(one.run + 1),
          STATES[one.state] ?? one.state,
          one.startedAt ? (
            <When at={one.startedAt} />
          ) : (
            <>
              due <When at={one.startsAt} />
            </>
          ),
          describeTime(one),
        ])}
        empty="The queue keeps a job for an hour after it has ended; none of this is there any more."
      />
    </section>
  )
}

const STATES: Readonly<Record<string, string>> = {
  created: 'waits',
  retry: 'waits',
  active: 'runs',
  completed: 'ended',
  failed: 'given up',
  cancelled: 'given up',
}

const describeTime = ({ startedAt, endedAt }: JobRun) =>
  startedAt && endedAt ? `${endedAt.getTime() - startedAt.getTime()} ms` : '–'

function Said({ delivery, body: shown }: { delivery: Delivery; body: Shown }) {
  const { source, deliveryId, body } = delivery
  const isCovered = shown === 'covered'
  return (
    <section aria-labelledby="body">
      <div class="head">
        <h2 id="body">What was said</h2>
        {isCovered && body.length > 0 && (
          <Act
            to={`/deliveries/${source}/${inPath(deliveryId)}/reveal`}
            label="Show personal data"
          />
        )}
      </div>
      {isCovered && (
        <p class="soft">
          Names, addresses and the like are covered. Showing them is written to the audit.
        </p>
      )}
      {shown === 'withheld' ? (
        <p class="soft">Only for who signs in with ADMIN_TOKEN.</p>
      ) : (
        <pre tabindex={0}>{writeBody(body, shown === 'revealed')}</pre>
      )}
    </section>
  )
}

const PAGES: Partial<Record<NonNullable<Delivery['wakes']>, string>> = {
  settle: 'invoices',
  bundle: 'payment-requests',
  customer: 'customers',
}

function About({ delivery: { wakes, wakesKey } }: { delivery: Delivery }) {
  if (!wakes || wakesKey === null) return <>nothing of ours</>
  const page = PAGES[wakes]
  return page ? (
    <Link to={`/${page}/${inPath(wakesKey)}`}>{wakesKey}</Link>
  ) : (
    <code>{wakesKey}</code>
  )
}

function writeBody(body: Buffer, isRevealed: boolean): string {
  if (body.length === 0) return 'Let go of: it was emptied, as RETENTION or somebody wanted.'
  if (body.length > MAX_SHOWN_BYTES) {
    return `Too large to be shown here: ${Math.round(body.length / 1024)} KiB.`
  }
  try {
    const said: unknown = JSON.parse(body.toString('utf8'))
    return JSON.stringify(isRevealed ? said : maskPersonal(said), null, 2)
  } catch {
    return 'It cannot be read as JSON.'
  }
}
