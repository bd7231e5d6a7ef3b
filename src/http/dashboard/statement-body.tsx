/** @jsxImportSource hono/jsx */
import { formatDodo, formatBooks } from '../../collect/money.ts'
import type { CurrencyLine } from '../../report/compare-ledgers.ts'
import { netOf, type OrderLine, type OrderSection } from '../../report/compare-orders.ts'
import { asTold, titleOf } from '../../report/order-text.ts'
import { noteBeside, type Statement } from '../../report/statement.ts'
import { count } from '../../print/text.ts'
import { Verdict } from './kit.tsx'
import { Table } from './table.tsx'
import { forPeople } from './words.ts'

/** The sums of each currency, what happened beside payments that simply paid, and every difference. */
export function StatementBody({ statement }: { statement: Statement }) {
  const { hasLago, hasSources, sections } = statement
  return (
    <>
      {hasLago && hasSources && <h2>Lago</h2>}
      {hasLago && <InvoicesBody statement={statement} />}
      {sections.map((section) => (
        <SectionBody section={section} />
      ))}
      {!hasLago && sections.length === 0 && <p class="empty">No orders in these days.</p>}
    </>
  )
}

function InvoicesBody({ statement }: { statement: Statement }) {
  const notes = noteBeside(statement)
  const isExplained = statement.told.every((one) => one.isExplained)
  return (
    <>
      {statement.currencies.length === 0 && (
        <p class="empty">No payments and no refunds in these days.</p>
      )}
      {statement.currencies.map((line) => (
        <CurrencyTable line={line} isExplained={isExplained} />
      ))}
      {notes.length > 0 && (
        <ul class="card notes">
          {notes.map((line) => (
            <li>{line}</li>
          ))}
        </ul>
      )}
      <Differences
        told={statement.told}
        isAnything={statement.entries.length > 0}
        id="differences"
      />
    </>
  )
}

function CurrencyTable({ line, isExplained }: { line: CurrencyLine; isExplained: boolean }) {
  const { currency, dodo, lago, difference } = line
  const inDodo = (amount: number) => formatDodo(amount, currency)
  const inLago = (amount: number) => formatBooks(amount, currency)
  return (
    <section aria-labelledby={`of-${currency}`}>
      <div class="head">
        <h2 id={`of-${currency}`}>{currency}</h2>
        {difference !== 0 && isExplained ? (
          <span class="badge">differ by {inDodo(difference)}, explained below</span>
        ) : (
          <Verdict agrees={difference === 0}>
            {difference === 0 ? 'agree' : `differ by ${inDodo(difference)}`}
          </Verdict>
        )}
      </div>
      <Table
        caption={`Both books in ${currency}`}
        columns={[
          'What',
          { label: 'Count in Dodo', is: 'number' },
          { label: 'In Dodo', is: 'number' },
          { label: 'Count in Lago', is: 'number' },
          { label: 'In Lago', is: 'number' },
        ]}
        rows={[
          [
            'Payments',
            String(dodo.payments.count),
            inDodo(dodo.payments.amount),
            String(lago.payments.count),
            inLago(lago.payments.amount),
          ],
          [
            'Refunds, credit notes',
            String(dodo.refunds.count),
            inDodo(dodo.refunds.amount),
            String(lago.refunds.count),
            inLago(lago.refunds.amount),
          ],
          [
            'Net',
            '',
            <strong>{inDodo(dodo.payments.amount - dodo.refunds.amount)}</strong>,
            '',
            <strong>{inLago(lago.payments.amount - lago.refunds.amount)}</strong>,
          ],
        ]}
        empty=""
      />
    </section>
  )
}

/** What a store or a location collected in one mode. */
function SectionBody({ section }: { section: OrderSection }) {
  const { currencies, differences, entries, source, tenant, mode } = section
  const id = `of-${source}-${tenant}-${mode}`
  const isExplained = differences.every((one) => one.isExplained)
  return (
    <section aria-labelledby={id}>
      <h2 id={id}>{titleOf(section)}</h2>
      {currencies.length === 0 && <p class="empty">No payments and no refunds in these days.</p>}
      {currencies.map((line) => (
        <OrderTable line={line} isExplained={isExplained} />
      ))}
      <Differences
        told={differences.map(asTold)}
        isAnything={entries.length > 0}
        id={`differences-${id}`}
        what="Order"
      />
    </section>
  )
}

function OrderTable({ line, isExplained }: { line: OrderLine; isExplained: boolean }) {
  const { currency, dodo, ledger, difference } = line
  const write = (amount: number) => formatDodo(amount, currency)
  return (
    <>
      <div class="head">
        <h3>{currency}</h3>
        {difference !== 0 && isExplained ? (
          <span class="badge">differ by {write(difference)}, explained below</span>
        ) : (
          <Verdict agrees={difference === 0}>
            {difference === 0 ? 'agree' : `differ by ${write(difference)}`}
          </Verdict>
        )}
      </div>
      <Table
        caption={`Dodo and the ledger in ${currency}`}
        columns={[
          'What',
          { label: 'Count in Dodo', is: 'number' },
          { label: 'In Dodo', is: 'number' },
          { label: 'Count in the ledger', is: 'number' },
          { label: 'In the ledger', is: 'number' },
        ]}
        rows={[
          rowOf('Payments', dodo.payments, ledger.payments, write),
          rowOf('Refunds', dodo.refunds, ledger.refunds, write),
          [
            'Net',
            '',
            <strong>{write(netOf(dodo))}</strong>,
            '',
            <strong>{write(netOf(ledger))}</strong>,
          ],
        ]}
        empty=""
      />
    </>
  )
}

type Sum = OrderLine['dodo']['payments']
const rowOf = (what: string, dodo: Sum, ledger: Sum, write: (amount: number) => string) => [
  what,
  String(dodo.count),
  write(dodo.amount),
  String(ledger.count),
  write(ledger.amount),
]

function Differences({
  told,
  isAnything,
  id,
  what: about = 'Invoice',
}: {
  told: Statement['told']
  isAnything: boolean
  id: string
  what?: string
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
