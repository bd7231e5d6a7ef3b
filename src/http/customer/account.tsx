/** @jsxImportSource hono/jsx */
import { writeEnd } from '../../customer/format.ts'
import type { AccountView, Card, OpenInvoice, Owed, PaidInvoice } from '../../customer/account.ts'
import { today, writeBooks, writeDate, writeDay } from '../../customer/format.ts'
import { fill } from '../../customer/language.ts'
import { digitsOf } from '../../collect/money.ts'
import { renderCustomerPage } from './frame.tsx'
import type { Surroundings } from './surroundings.ts'

/** What was wrong with what was sent; its words are the account's. */
export type Problem = 'chooseOne' | 'tooSmallAlone' | 'changed' | 'slowDown'
export type AccountPage = {
  around: Surroundings
  view: AccountView
  now: Date
  isAutomatic: boolean
  problem?: Problem | undefined
  /** What was chosen before; all of it, where nothing was sent. */
  chosen?: readonly string[] | undefined
}

/** All that a customer owes, what they have paid, and the card that pays it. */
export function renderAccount(page: AccountPage): string {
  const { around, view } = page
  const { account } = around.speech.texts
  const here = pathOf(page)
  return renderCustomerPage({
    around,
    title: account.title,
    here,
    hasScript: true,
    children: (
      <>
        <Head page={page} />
        {view.owed.map((owed) => (
          <InCurrency
            page={page}
            owed={owed}
            invoices={view.open.filter(({ currency }) => currency === owed.currency)}
          />
        ))}
        {page.isAutomatic && view.setupToken !== undefined && (
          <SavedCard page={page} setupToken={view.setupToken} />
        )}
        {view.paid.length > 0 && <Paid page={page} />}
      </>
    ),
  })
}

const pathOf = ({ around, view }: AccountPage) => `${around.basePath}/account/${view.account.token}`

function Head({ page }: { page: AccountPage }) {
  const { view, around, problem } = page
  const { account } = around.speech.texts
  return (
    <div class="card">
      {problem && (
        <p class="problem" role="alert" id="problem" tabindex={-1}>
          {account[problem]}
        </p>
      )}
      <h1>{account.title}</h1>
      {view.name && <p>{view.name}</p>}
      {view.open.length === 0 && <p>{account.nothingOpen}</p>}
    </div>
  )
}

/** A form for each currency: one checkout takes one. */
function InCurrency(props: { page: AccountPage; owed: Owed; invoices: OpenInvoice[] }) {
  const { page, owed, invoices } = props
  const { currency } = owed
  const { speech } = page.around
  const { account } = speech.texts
  const canBePaid = invoices.some(({ hindrance }) => !hindrance)
  const heading = `open-${currency}`
  const rows = (
    <ul class="rows">
      {invoices.map((invoice) => (
        <Row page={page} invoice={invoice} />
      ))}
    </ul>
  )
  return (
    <section class="card" aria-labelledby={heading}>
      <h2 id={heading} class="sum">
        <span>{account.open}</span>{' '}
        <span class="amount">{writeBooks(owed.amount, currency, speech.locale)}</span>
      </h2>
      {owed.count > invoices.length && (
        <p>
          {invoices.length} / {owed.count}
        </p>
      )}
      {canBePaid ? (
        <form
          method="post"
          action={`${pathOf(page)}/pay`}
          data-locale={speech.locale}
          data-currency={currency}
          data-digits={digitsOf(currency)}
          data-pay={JSON.stringify(account.pay)}
        >
          <input type="hidden" name="currency" value={currency} />
          <fieldset>
            <legend class="unseen">{account.choose}</legend>
            {rows}
          </fieldset>
          <button class="press wide" type="submit">
            {account.payChosen}
          </button>
        </form>
      ) : (
        rows
      )}
    </section>
  )
}

function Row({ page, invoice }: { page: AccountPage; invoice: OpenInvoice }) {
  const { receivableId, hindrance, number, amountDue, currency } = invoice
  const { locale } = page.around.speech
  const amount = <span class="amount">{writeBooks(amountDue, currency, locale)}</span>
  if (hindrance) {
    return (
      <li class="row plain">
        <span>
          {number}
          <Notes page={page} invoice={invoice} />
        </span>
        {amount}
      </li>
    )
  }
  const isChosen = page.chosen ? page.chosen.includes(receivableId) : true
  return (
    <li>
      <label class="row">
        <input
          type="checkbox"
          name="invoice"
          value={receivableId}
          data-amount={amountDue}
          checked={isChosen}
        />
        <span>
          {number}
          <Notes page={page} invoice={invoice} />
        </span>
        {amount}
      </label>
    </li>
  )
}

function Notes({ page, invoice }: { page: AccountPage; invoice: OpenInvoice }) {
  const { around, now } = page
  const { account } = around.speech.texts
  const { hindrance, requestToken, dueOn, isTooSmall } = invoice
  const isLate = dueOn !== null && dueOn < today(now, around.timezone)
  return (
    <>
      {dueOn && (
        <small class={isLate ? 'late' : undefined}>
          {fill(isLate ? account.overdue : account.due, {
            date: writeDay(dueOn, around.speech.locale),
          })}
        </small>
      )}
      {hindrance && <small>{account[hindrance]}</small>}
      {requestToken && (
        <small>
          <a href={`${around.basePath}/pay/${requestToken}`}>{account.payTogether}</a>
        </small>
      )}
      {isTooSmall && !hindrance && <small>{account.tooSmall}</small>}
    </>
  )
}

function SavedCard({ page, setupToken }: { page: AccountPage; setupToken: string }) {
  const { view, around } = page
  const { account } = around.speech.texts
  return (
    <section class="card" aria-labelledby="card">
      <h2 id="card">{account.card}</h2>
      <p>{view.card ? nameCard(view.card, account.card) : account.noCard}</p>
      <form method="post" action={`${around.basePath}/pay/${setupToken}`}>
        <button class="way wide" type="submit">
          {view.card ? account.replaceCard : account.saveCard}
        </button>
      </form>
    </section>
  )
}

/** "VISA ···4242" */
const nameCard = ({ network, lastFour, ends }: Card, plain: string) =>
  [
    [network ?? plain, lastFour && `···${lastFour}`].filter(Boolean).join(' '),
    ends && writeEnd(ends),
  ]
    .filter(Boolean)
    .join(', ')

function Paid({ page }: { page: AccountPage }) {
  const { account } = page.around.speech.texts
  return (
    <section class="card">
      <details>
        <summary>{account.paid}</summary>
        <ul class="rows">
          {page.view.paid.map((invoice) => (
            <PaidRow page={page} invoice={invoice} />
          ))}
        </ul>
      </details>
    </section>
  )
}

function PaidRow({ page, invoice }: { page: AccountPage; invoice: PaidInvoice }) {
  const { locale, texts } = page.around.speech
  const { receivableId, number, currency, payment, paidAt } = invoice
  const here = pathOf(page)
  return (
    <li class="row plain">
      <span>
        {number}
        <small>{writeDate(paidAt, locale, page.around.timezone)}</small>
        <small>
          <a href={`${here}/invoice/${encodeURIComponent(receivableId)}`} rel="nofollow">
            {texts.account.invoicePdf}
            <span class="unseen"> {number}</span>
          </a>{' '}
          {payment && (
            <a href={`${here}/receipt/${encodeURIComponent(payment.dodoPaymentId)}`} rel="nofollow">
              {texts.account.receiptPdf}
              <span class="unseen"> {number}</span>
            </a>
          )}
        </small>
      </span>
      <span class="amount">{payment ? writeBooks(payment.amount, currency, locale) : ''}</span>
    </li>
  )
}
