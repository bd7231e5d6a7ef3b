/** @jsxImportSource hono/jsx */
import { formatDodo } from '../../collect/money.ts'
import { netOf, type Books, type CurrencyLine } from '../../report/compare-ledgers.ts'
import { isOfLago, tell, type Section, type Told } from '../../report/section.ts'
import type { Statement } from '../../report/statement.ts'
import { count } from '../../print/text.ts'
import { Verdict } from './kit.tsx'
import { Table } from './table.tsx'
import { forPeople } from './words.ts'

/** The sums of each currency, what happened beside payments that simply paid, and every difference. */
export const StatementBody = ({
  statement: { sections, hasSources },
}: {
  statement: Statement
}) => (
  <>
    {sections.map((section) =>
      isOfLago(section) ? (
        <>
          {hasSources && <h2>{section.title}</h2>}
          <SectionBody section={section} id="differences" what="Invoice" />
        </>
      ) : (
        <OrderSection section={section} />
      ),
    )}
    {sections.length === 0 && <p class="empty">No orders in these days.</p>}
  </>
)

/** What a store or a location collected in one mode. */
function OrderSection({ section }: { section: Section }) {
  const { source, tenant, mode, title } = section
  const id = `of-${source}-${tenant}-${mode}`
  return (
    <section aria-labelledby={id}>
      <h2 id={id}>{title}</h2>
      <SectionBody section={section} id={`differences-${id}`} what="Order" />
    </section>
  )
}

function SectionBody({ section, id, what }: { section: Section; id: string; what: string }) {
  const { currencies, notes, books, entries } = section
  const told = tell(section)
  const isExplained = told.every((one) => one.isExplained)
  return (
    <>
      {currencies.length === 0 && <p class="empty">No payments and no refunds in these days.</p>}
      {currencies.map((line) => (
        <CurrencyTable line={line} books={books} isExplained={isExplained} />
      ))}
      {notes.length > 0 && (
        <ul class="card notes">
          {notes.map((line) => (
            <li>{line}</li>
          ))}
        </ul>
      )}
      <Differences told={told} isAnything={entries.length > 0} id={id} what={what} />
    </>
  )
}

type OfCurrency = { line: CurrencyLine; books: Books; isExplained: boolean }

function CurrencyTable({ line, books, isExplained }: OfCurrency) {
  const { currency, dodo, books: held, difference } = line
  const isLago = books.name === 'Lago'
  const apart = `differ by ${formatDodo(difference, currency)}`
  const verdict =
    difference !== 0 && isExplained ? (
      <span class="badge">{apart}, explained below</span>
    ) : (
      <Verdict agrees={difference === 0}>{difference === 0 ? 'agree' : apart}</Verdict>
    )
  const inDodo = (amount: number) => formatDodo(amount, currency)
  const inBooks = (amount: number) => books.format(amount, currency)
  const rowOf = (what: string, kind: 'payments' | 'refunds') => [
    what,
    String(dodo[kind].count),
    inDodo(dodo[kind].amount),
    String(held[kind].count),
    inBooks(held[kind].amount),
  ]
  const table = (
    <Table
      caption={isLago ? `Both books in ${currency}` : `Dodo and the ledger in ${currency}`}
      columns={[
        'What',
        { label: 'Count in Dodo', is: 'number' },
        { label: 'In Dodo', is: 'number' },
        { label: `Count in ${books.name}`, is: 'number' },
        { label: `In ${books.name}`, is: 'number' },
      ]}
      rows={[
        rowOf('Payments', 'payments'),
        rowOf(isLago ? 'Refunds, credit notes' : 'Refunds', 'refunds'),
        [
          'Net',
          '',
          <strong>{inDodo(netOf(dodo))}</strong>,
          '',
          <strong>{inBooks(netOf(held))}</strong>,
        ],
      ]}
      empty=""
    />
  )
  return isLago ? (
    <section aria-labelledby={`of-${currency}`}>
      <div class="head">
        <h2 id={`of-${currency}`}>{currency}</h2>
        {verdict}
      </div>
      {table}
    </section>
  ) : (
    <>
      <div class="head">
        <h3>{currency}</h3>
        {verdict}
      </div>
      {table}
    </>
  )
}

function Differences({
  told,
  isAnything,
  id,
  what: about,
}: {
  told: readonly Told[]
  isAnything: boolean
  id: string
  what: string
}) {
  if (told.length === 0) return isAnything ? <p class="notice ok">No difference.</p> : <></>
  const unexplained = told.filter(({ isExplained }) => !isExplained).length
  return (
    <section aria-labelledby={id}>
      <div class="head">
        <h2 id={id}>
          {count(told.length, 'difference')}, {unexplained} unexplained
        </h2>
        <Verdict agrees={unexplained === 0}>
          {unexplained === 0 ? 'all explained' : 'a person must look'}
        </Verdict>
      </div>
      <Table
        caption="Differences between both books"
        columns={['What', about, 'Both sides', 'Why', 'Explained']}
        rows={told.map(({ isExplained, columns: [what, invoice, sides, why] }) => [
          <code>{what}</code>,
          invoice,
          sides,
          forPeople(why ?? ''),
          <Verdict agrees={isExplained}>{isExplained ? 'explained' : 'unexplained'}</Verdict>,
        ])}
        empty=""
      />
    </section>
  )
}
