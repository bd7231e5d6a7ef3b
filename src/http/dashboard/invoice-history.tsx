/** @jsxImportSource hono/jsx */
import { readAt } from '../../deliveries/read-span.ts'
import type { DeliveryOfInvoice } from '../../report/dashboard/invoice-extras.ts'
import { DeliveryTable } from './delivery-table.tsx'
import type { InvoiceView } from './invoice-view.ts'
import { Link } from './kit.tsx'
import { Lines } from './lines.tsx'
import { inPath } from './query.ts'

/** What came in about an invoice, and what was done, the newest last. */
export const InvoiceHistory = ({ view }: { view: InvoiceView }) => (
  <>
    <section aria-labelledby="deliveries">
      <h2 id="deliveries">Deliveries</h2>
      <DeliveryTable
        deliveries={view.deliveries}
        empty="No webhook was about it: a sweep found it."
      />
    </section>
    <section aria-labelledby="timeline">
      <h2 id="timeline">Timeline</h2>
      <Lines
        of={view.invoice.timeline}
        beside={(at) => <Causes of={readAt(view.deliveries, at)} />}
      />
    </section>
  </>
)

/** The deliveries that were being read when a line was written. */
const Causes = (props: { of: readonly DeliveryOfInvoice[] }) => (
  <>
    {props.of.map(({ source, deliveryId, eventType }) => (
      <>
        {' '}
        <Link to={`/deliveries/${source}/${inPath(deliveryId)}`} class="small soft">
          {eventType}
        </Link>
      </>
    ))}
  </>
)
