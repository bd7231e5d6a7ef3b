/** @jsxImportSource hono/jsx */
import type { Subscription } from 'dodopayments/resources/subscriptions'
import type { Child } from 'hono/jsx'
import { DISPUTE_STAGES, DISPUTE_STATUSES } from '../store/disputes.ts'
import { OutcomePicker, Picker } from './pickers.tsx'
import { formatMoney } from '../store/places.ts'
import { isOver } from '../store/subscriptions.ts'
import type { DodoWorld } from '../store/world.ts'
import { Act } from '../../kit/page.tsx'

const MAX_ROWS = 100
const AT = '/sandbox'

/** The mandates, and what customers and banks do to them. */
export function Mandates({ world }: { world: DodoWorld }) {
  const rows = [...world.store.subscriptions.values()].toReversed().slice(0, MAX_ROWS)
  return (
    <Table title="Mandates" columns={['Mandate', 'Customer', 'Status', 'Do']} size={rows.length}>
      {rows.map((mandate) => (
        <tr>
          <td>
            <code>{mandate.subscription_id}</code>
            <div class="quiet">{mandate.created_at}</div>
          </td>
          <td>{mandate.customer.email}</td>
          <td>
            {mandate.status}
            {mandate.cancel_at_next_billing_date && (
              <div class="quiet">ends {mandate.next_billing_date}</div>
            )}
          </td>
          <td>{!isOver(mandate) && <MandateButtons mandate={mandate} world={world} />}</td>
        </tr>
      ))}
    </Table>
  )
}

function MandateButtons({ mandate, world }: { mandate: Subscription; world: DodoWorld }) {
  const { subscription_id: id, status, cancel_at_next_billing_date: isEnding } = mandate
  const to = `${AT}/subscriptions/${id}`
  return (
    <>
      <Act to={`${to}/card`} label="Its charges">
        <OutcomePicker name="outcome" chosen={world.behaviour.chargesOf[id] ?? ''} asOthers />
      </Act>
      <Act to={`${to}/replace_card`} label="Customer replaces the card" />
      <Act
        to={`${to}/schedule`}
        label={isEnding ? 'Keep it after all' : 'Customer ends it with the period'}
        fields={{ scheduled: String(!isEnding) }}
      />
      {isEnding && <Act to={`${to}/billing_date`} label="The period ends" />}
      <Act to={to} label="Move to">
        <Picker
          name="status"
          among={['cancelled', 'on_hold', 'expired', 'paused', 'past_due', 'active', 'failed']}
          chosen={status}
        />
      </Act>
    </>
  )
}

/** The refunds, which somebody may have to settle by hand. */
export function Refunds({ world }: { world: DodoWorld }) {
  const rows = [...world.store.refunds.values()].toReversed().slice(0, MAX_ROWS)
  return (
    <Table title="Refunds" columns={['Refund', 'Amount', 'Status', 'Do']} size={rows.length}>
      {rows.map(({ refund_id: id, payment_id, amount, currency, status, reason }) => (
        <tr>
          <td>
            <code>{id}</code>
            <div class="quiet">
              of <code>{payment_id}</code> {reason}
            </div>
          </td>
          <td>{formatMoney(amount ?? 0, currency ?? '')}</td>
          <td>{status}</td>
          <td>
            {(status === 'pending' || status === 'review') && (
              <Act to={`${AT}/refunds/${id}/settle`} label="Settle as">
                <Picker name="status" among={['succeeded', 'failed', 'review']} />
              </Act>
            )}
            {status === 'succeeded' && (
              <Act to={`${AT}/refunds/${id}/bounce`} label="Fails after all" />
            )}
          </td>
        </tr>
      ))}
    </Table>
  )
}

/** The disputes, which banks decide. */
export function Disputes({ world }: { world: DodoWorld }) {
  const rows = [...world.store.disputes.values()].toReversed().slice(0, MAX_ROWS)
  return (
    <Table title="Disputes" columns={['Dispute', 'Amount', 'Status', 'Do']} size={rows.length}>
      {rows.map((dispute) => (
        <tr>
          <td>
            <code>{dispute.dispute_id}</code>
            <div class="quiet">
              of <code>{dispute.payment_id}</code> {dispute.reason}
            </div>
          </td>
          <td>{formatMoney(Number(dispute.amount), dispute.currency)}</td>
          <td>
            {dispute.dispute_status} {dispute.is_resolved_by_rdr && 'by RDR'}
            <div class="quiet">{dispute.dispute_stage}</div>
          </td>
          <td>
            <Act to={`${AT}/disputes/${dispute.dispute_id}`} label="Move to">
              <Picker name="status" among={DISPUTE_STATUSES} chosen={dispute.dispute_status} />
              <Picker name="stage" among={DISPUTE_STAGES} chosen={dispute.dispute_stage} />
            </Act>
          </td>
        </tr>
      ))}
    </Table>
  )
}

function Table(props: {
  title: string
  columns: readonly string[]
  size: number
  children?: Child
}) {
  return (
    <section>
      <h2>{props.title}</h2>
      {props.size === 0 ? (
        <p class="quiet">None yet.</p>
      ) : (
        <div class="scroll">
          <table>
            <thead>
              <tr>
                {props.columns.map((column) => (
                  <th>{column}</th>
                ))}
              </tr>
            </thead>
            <tbody>{props.children}</tbody>
          </table>
        </div>
      )}
    </section>
  )
}
