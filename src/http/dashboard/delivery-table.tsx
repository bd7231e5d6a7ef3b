/** @jsxImportSource hono/jsx */
import type { DeliveryOfInvoice } from '../../report/dashboard/invoice-extras.ts'
import type { ListedDelivery, Subject } from '../../report/dashboard/deliveries.ts'
import { readAfterMs } from '../../deliveries/read-span.ts'
import { Link, When } from './kit.tsx'
import { inPath } from './query.ts'
import { ReceivableLink } from './receivable-link.tsx'
import { Table } from './table.tsx'
import { Tick } from './ticked.tsx'
import { forPeople, SOURCE_WORDS } from './words.ts'

type Listed = DeliveryOfInvoice & Partial<Pick<ListedDelivery, 'wakes' | 'hasGivenUp'>>

/** Deliveries with what came of each; where they are of many invoices, also with what each is about. */
export const DeliveryTable = <Of extends Listed>(props: {
  deliveries: readonly Of[]
  subjectOf?: (delivery: Of) => Subject | undefined
  /** Whether some of them may be selected, to be replayed. */
  isTickable?: boolean
  empty: string
}) => (
  <Table
    caption="Deliveries"
    columns={[
      { label: 'Received', is: 'keep' },
      { label: 'From', is: 'keep' },
      { label: 'Event', is: 'keep' },
      ...(props.subjectOf ? ['About'] : []),
      'Outcome',
      'Verified with',
      { label: 'Read after', is: 'number' },
      ...(props.isTickable ? [{ label: 'Select', is: 'hidden' } as const] : []),
    ]}
    rows={props.deliveries.map((delivery) => [
      <Link to={`/deliveries/${delivery.source}/${inPath(delivery.deliveryId)}`}>
        <When at={delivery.receivedAt} only="age" />
      </Link>,
      SOURCE_WORDS[delivery.source],
      <code>{delivery.eventType}</code>,
      ...(props.subjectOf ? [<About subject={props.subjectOf(delivery)} />] : []),
      <span class="small">{describeOutcome(delivery)}</span>,
      <span class="small">{delivery.verifiedWith ?? 'not known'}</span>,
      writeSpan(readAfterMs(delivery)),
      ...(props.isTickable
        ? [
            <Tick
              {...delivery}
              name={`${delivery.eventType} of ${delivery.receivedAt.toISOString()}`}
            />,
          ]
        : []),
    ])}
    empty={props.empty}
  />
)

/** What it is about, where the ledger knows it. */
const About = ({ subject }: { subject: Subject | undefined }) =>
  subject ? <ReceivableLink {...subject} /> : <>–</>

export function describeOutcome({ processedAt, outcome, wakes, hasGivenUp }: Outcome) {
  if (processedAt) return forPeople(outcome ?? 'read')
  if (wakes === null) return 'kept: about nothing of ours'
  return hasGivenUp === true ? 'given up: see dead letters' : 'waiting to be read'
}
type Outcome = Pick<Listed, 'processedAt' | 'outcome' | 'wakes' | 'hasGivenUp'>

const writeSpan = (ms: number | null) =>
  ms === null ? '–' : ms < 1_000 ? `${ms} ms` : `${(ms / 1_000).toFixed(1)} s`
