/** @jsxImportSource hono/jsx */
import type { readDeliveriesOf } from '../../report/dashboard/invoice-extras.ts'
import { Link, When } from './kit.tsx'
import { inPath } from './query.ts'
import { Table } from './table.tsx'
import { forPeople } from './words.ts'

type Row = Awaited<ReturnType<typeof readDeliveriesOf>>[number]

/** Deliveries with what came of each. */
export const DeliveryTable = (props: { deliveries: readonly Row[]; empty: string }) => (
  <Table
    caption="Deliveries"
    columns={[
      { label: 'Received', is: 'keep' },
      { label: 'From', is: 'keep' },
      { label: 'Event', is: 'keep' },
      'Outcome',
      { label: 'Read after', is: 'number' },
    ]}
    rows={props.deliveries.map((delivery) => [
      <Link to={`/deliveries/${delivery.source}/${inPath(delivery.deliveryId)}`}>
        <When at={delivery.receivedAt} only="age" />
      </Link>,
      delivery.source === 'lago' ? 'Lago' : 'Dodo',
      <code>{delivery.eventType}</code>,
      <span class="small">{describeOutcome(delivery)}</span>,
      delivery.processedAt
        ? writeSpan(delivery.processedAt.getTime() - delivery.receivedAt.getTime())
        : '–',
    ])}
    empty={props.empty}
  />
)

export const describeOutcome = ({ processedAt, outcome }: Pick<Row, 'processedAt' | 'outcome'>) =>
  processedAt ? forPeople(outcome ?? 'read') : 'waiting to be read'

const writeSpan = (ms: number) => (ms < 1_000 ? `${ms} ms` : `${(ms / 1_000).toFixed(1)} s`)
