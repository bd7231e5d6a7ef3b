import { Hono } from 'hono'
import { answer, readRoot } from './lago-answer.ts'
import {
  createCreditNote,
  estimateCreditNote,
  getCreditNote,
  updateCreditNote,
  voidCreditNote,
} from './lago-credit-notes.ts'
import { showCreditNote } from './lago-credit-note-shapes.ts'
import { oneOf, paginate, readQuery, type Query } from './lago-query.ts'
import { CREDIT_NOTE_REASONS, type CreditNote, type LagoWorld } from './lago-store.ts'

const ROOT = 'credit_note'

/** `/credit_notes`. */
export function lagoCreditNotes(world: LagoWorld) {
  return new Hono()
    .get('/', (c) => {
      const query = readQuery(c.req.url)
      const { rows, meta } = paginate(query, selectCreditNotes(world, query))
      return answer({ credit_notes: rows.map(showCreditNote), meta })
    })
    .post('/', async (c) => shown(createCreditNote(world, await readRoot(c, ROOT))))
    .post('/estimate', async (c) => {
      const estimate = estimateCreditNote(world, await readRoot(c, ROOT))
      return answer({ estimated_credit_note: estimate })
    })
    .get('/:id', (c) => shown(getCreditNote(world, c.req.param('id'))))
    .put('/:id', async (c) => {
      return shown(updateCreditNote(world, c.req.param('id'), await readRoot(c, ROOT)))
    })
    .put('/:id/void', (c) => shown(voidCreditNote(world, c.req.param('id'))))
}

function shown(note: CreditNote): Response {
  return answer({ credit_note: showCreditNote(note) })
}

/** Notes that are not drafts and that the filters let through, newest first. */
function selectCreditNotes(world: LagoWorld, query: Query): CreditNote[] {
  const types = oneOf(query.many('types'), ['credit', 'refund', 'offset'], 'types')
  const creditStatuses = ['available', 'consumed', 'voided']
  const wanted = {
    reason: oneOf(query.many('reason'), CREDIT_NOTE_REASONS, 'reason'),
    credit_status: oneOf(query.many('credit_status'), creditStatuses, 'credit_status'),
    refund_status: oneOf(
      query.many('refund_status'),
      ['pending', 'succeeded', 'failed'],
      'refund_status',
    ),
    external_customer_id: query.many('external_customer_id'),
    invoice_number: query.many('invoice_number'),
    currency: query.many('currency'),
  }
  const term = query.one('search_term')?.toLowerCase()

  return world.store.creditNotes
    .filter((note) => note.status === 'finalized')
    .filter((note) => {
      const values: Record<keyof typeof wanted, string | null> = {
        reason: note.reason,
        credit_status: note.credit_status,
        refund_status: note.refund_status,
        external_customer_id: note.invoice.customer.external_id,
        invoice_number: note.invoice.number,
        currency: note.invoice.currency,
      }
      return Object.entries(wanted).every(([name, allowed]) => {
        const value = Object.entries(values).find(([key]) => key === name)?.[1]
        return allowed.length === 0 || (value != null && allowed.includes(value))
      })
    })
    .filter((note) => types.length === 0 || types.some((type) => amountOf(note, type) > 0))
    .filter((note) => note.total_amount_cents >= Number(query.one('amount_from') ?? 0))
    .filter((note) => note.total_amount_cents <= Number(query.one('amount_to') ?? Infinity))
    .filter((note) => !term || `${note.number} ${note.lago_id}`.toLowerCase().includes(term))
    .toReversed()
}

function amountOf(note: CreditNote, type: string): number {
  if (type === 'refund') return note.refund_amount_cents
  return type === 'credit' ? note.credit_amount_cents : note.offset_amount_cents
}
