/** @jsxImportSource hono/jsx */
import { DeliveryTable } from './delivery-table.tsx'
import type { InvoiceView } from './invoice-view.ts'
import { When } from './kit.tsx'
import { forPeople } from './words.ts'

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
      <ol class="lines card">
        {view.invoice.timeline.map(({ at, what }) => (
          <li>
            <span class="soft">
              <When at={at} only="moment" />
            </span>
            <span>{forPeople(what)}</span>
          </li>
        ))}
      </ol>
    </section>
  </>
)
