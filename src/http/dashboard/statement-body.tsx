/** @jsxImportSource hono/jsx */
import { formatDodo, formatBooks } from '../../collect/money.ts'
import type { CurrencyLine } from '../../report/compare-ledgers.ts'
import { noteBeside, type Statement } from '../../report/statement.ts'
import { count } from '../../report/text.ts'
import { Verdict } from './kit.tsx'
import { Table } from './table.tsx'
import { forPeople } from './words.ts'

/** The sums of each currency, what happened beside payments that simply paid, and every difference. */
export function StatementBody({ statement }: { statement: Statement }) {
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
      <Differences statement={statement} />
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

function Differences({ statement: { told, entries } }: { statement: Statement }) {
  if (told.length === 0) {
    return entries.length === 0 ? <></> : <p class="notice ok">No difference.</p>
  }
  const unexplained = told.filter(({ isExplained }) => !isExplained).length
  return (
    <section aria-labelledby="differences">
      <div class="head">
        <h2 id="differences">
          {count(told.length, 'difference')}, {unexplained} unexplained
        </h2>
        <Verdict agrees={unexplained === 0}>
          {unexplained === 0 ? 'all explained' : 'a person must look'}
        </Verdict>
      </div>
      <Table
        caption="Differences between both books"
        columns={['What', 'Invoice', 'Both sides', 'Why', 'Explained']}
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
