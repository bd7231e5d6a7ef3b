/** @jsxImportSource hono/jsx */
import { Hono } from 'hono'

import {
  DISPUTE_OUTCOMES,
  listDisputes,
  type ListedDispute,
} from '../../report/dashboard/disputes.ts'
import { answerCsv, asCsvAsked } from './csv.ts'
import { Choose, Filter } from './filter.tsx'
import { PaymentId, When } from './kit.tsx'
import { givenOf } from './query.ts'
import { ReceivableLink } from './receivable-link.tsx'
import type { DashboardDeps, Env, Show } from './show.tsx'
import { ListHead, Table } from './table.tsx'

const CSV_COLUMNS = ['dodo_dispute_id', 'dodo_payment_id', 'status', 'stage', 'outcome'].concat([
  'amount',
  'currency',
  'receivable_id',
  'number',
  'opened_at',
  'due_at',
  'lago_knows_it_lost',
])
const asCells = (one: ListedDispute) => [
  one.dodoDisputeId,
  one.dodoPaymentId,
  one.status,
  one.stage,
  one.outcome,
  one.amount,
  one.currency,
  one.receivableId,
  one.number,
  one.openedAt?.toISOString() ?? null,
  one.dueAt?.toISOString() ?? null,
  one.isToldLost === null ? null : one.isToldLost ? 'yes' : 'no',
]

const WORDS = { open: 'to be answered', lost: 'lost', kept: 'won or withdrawn' } as const

/** What is disputed, those to be answered first. Evidence is given in Dodo's dashboard alone. */
export function disputePages(show: Show, { db }: DashboardDeps) {
  return new Hono<Env>().get('/', async (c) => {
    const asked = { outcome: givenOf(c, 'outcome', DISPUTE_OUTCOMES) }
    const disputes = await listDisputes(db, asked)
    if (asCsvAsked(c)) return answerCsv(c, 'disputes', CSV_COLUMNS, [disputes.map(asCells)])
    return show(
      c,
      { title: 'Disputes', section: 'Disputes' },
      <>
        <ListHead title="Disputes" to="/disputes" given={asked} />
        <p class="soft">
          A dispute is answered in Dodo’s dashboard, and only there, within ten days of its opening.
          Nothing is refunded meanwhile: the money would go back twice.
        </p>
        <Filter to="/disputes" given={asked} labels={{ outcome: 'those' }}>
          <Choose
            label="Outcome"
            name="outcome"
            value={asked.outcome}
            any="any"
            choices={DISPUTE_OUTCOMES.map((one) => [one, WORDS[one]])}
          />
        </Filter>
        <DisputeTable disputes={disputes} />
      </>,
    )
  })
}

const DisputeTable = ({ disputes }: { disputes: readonly ListedDispute[] }) => (
  <Table
    caption="Disputes"
    columns={[
      'Dispute',
      'Amount, as Dodo writes it',
      'Stage',
      'Outcome',
      { label: 'Answer', is: 'keep' },
      'Of payment',
      'Invoice',
      'Lago',
    ]}
    rows={disputes.map((one) => [
      <code>{one.dodoDisputeId}</code>,
      `${one.amount} ${one.currency}`,
      one.stage,
      `${WORDS[one.outcome]}${one.isByRdr ? ', by Visa itself (RDR)' : ''}`,
      one.outcome === 'open' ? <When at={one.dueAt} only="age" /> : 'decided',
      <PaymentId of={one.dodoPaymentId} />,
      <ReceivableLink {...one} />,
      describeTold(one),
    ])}
    empty="No dispute is like that. What a customer disputes at their bank is here."
  />
)

function describeTold({ isToldLost }: ListedDispute): string {
  if (isToldLost === null) return 'nothing to tell'
  return isToldLost ? 'knows that it is lost' : 'does not show it as lost'
}
