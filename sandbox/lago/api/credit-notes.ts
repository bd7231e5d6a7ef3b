import { Hono } from 'hono'
import { answer, readObject, readRoot } from './answer.ts'
import {
  createCreditNote,
  estimateCreditNote,
  getCreditNote,
  setCreditNoteMetadata,
  updateCreditNote,
  voidCreditNote,
} from '../store/credit-notes.ts'
import { showCreditNote } from '../store/credit-note-shapes.ts'
import { oneOf, paginate, readQuery, type Query } from './query.ts'
import { CREDIT_NOTE_REASONS, type CreditNote } from '../store/records.ts'
import type { LagoWorld } from '../store/store.ts'

const ROOT = 'credit_note'

/** `/credit_notes`. */
export function lagoCreditNotes(world: LagoWorld) {
  return new Hono()
    .get('/', (c) => {
      const query = readQuery(c.req.url)
      return listCreditNotes(world, query, query.one('external_customer_id'))
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
    .post('/:id/metadata', async (c) => {
      const given = await readObject(c)
      return metadata(setCreditNoteMetadata(world, c.req.param('id'), given['metadata']))
    })
    .patch('/:id/metadata', async (c) => {
      const given = await readObject(c)
      return metadata(updateCreditNote(world, c.req.param('id'), given))
    })
    .delete('/:id/metadata', (c) =>
      metadata(setCreditNoteMetadata(world, c.req.param('id'), undefined)),
    )
    .delete('/:id/metadata/:key', (c) => {
      const note = getCreditNote(world, c.req.param('id'))
      const { [c.req.param('key')]: _gone, ...rest } = note.metadata ?? {}
      return metadata(setCreditNoteMetadata(world, note.lago_id, rest))
    })
    .put('/:id/void', (c) => shown(voidCreditNote(world, c.req.param('id'))))
}

function shown(note: CreditNote): Response {
  return answer({ credit_note: showCreditNote(note) })
}

function metadata(note: CreditNote): Response {
  return answer({ metadata: note.metadata ?? null })
}

/** Notes that are not drafts and that the filters let through, newest first. */
export function listCreditNotes(
  world: LagoWorld,
  query: Query,
  externalCustomerId: string | undefined,
): Response {
  const selected = selectCreditNotes(world, query).filter(({ invoice }) =>
    [undefined, invoice.customer.external_id].includes(externalCustomerId),
  )
  const { rows, meta } = paginate(query, selected)
  return answer({ credit_notes: rows.map(showCreditNote), meta })
}

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
    invoice_number: query.many('invoice_number'),
    currency: query.many('currency'),
    self_billed: query.many('self_billed'),
  }
  const term = query.one('search_term')?.toLowerCase()

  return world.store.creditNotes
    .filter((note) => note.status === 'finalized')
    .filter((note) => {
      const values: Record<keyof typeof wanted, string | null> = {
        reason: note.reason,
        credit_status: note.credit_status,
        refund_status: note.refund_status,
        invoice_number: note.invoice.number,
        currency: note.invoice.currency,
        self_billed: String(note.invoice.self_billed),
      }
      return Object.entries(wanted).every(([name, allowed]) => {
        const value = Object.entries(values).find(([key]) => key === name)?.[1]
        return allowed.length === 0 || (value != null && allowed.includes(value))
      })
    })
    .filter((note) => types.length === 0 || types.some((type) => amountOf(note, type) > 0))
    .filter((note) => note.total_amount_cents >= Number(query.one('amount_from') ?? 0))
    .filter((note) => note.total_amount_cents <= Number(query.one('amount_to') ?? Infinity))
    .filter((note) => note.issuing_date >= (query.one('issuing_date_from') ?? ''))
    .filter((note) => note.issuing_date <= (query.one('issuing_date_to') ?? '9999'))
    .filter((note) => !term || `${note.number} ${note.lago_id}`.toLowerCase().includes(term))
    .toReversed()
}

function amountOf(note: CreditNote, type: string): number {
  if (type === 'refund') return note.refund_amount_cents
  return type === 'credit' ? note.credit_amount_cents : note.offset_amount_cents
}
