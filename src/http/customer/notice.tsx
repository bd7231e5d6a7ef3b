/** @jsxImportSource hono/jsx */
import { fill } from '../../customer/language.ts'
import { writeDate, writeDue, writeDodo } from '../../customer/format.ts'
import type { Notice } from '../../customer/texts/texts.ts'
import type { Outcome, Subject } from '../pay-subject.ts'
import { renderCustomerPage } from './frame.tsx'
import type { Surroundings } from './surroundings.ts'

const MARKS: Record<Notice, string> = {
  ready: '→',
  paid: '✓',
  card_saved: '✓',
  declined: '!',
  processing: '…',
  void: '–',
  not_payable: '!',
  preparing: '…',
  waiting: '…',
  unconfirmed: '…',
  unavailable: '!',
  still_waiting: '…',
  failed: '!',
  pdf_later: '…',
  unknown: '?',
}
const GOOD: readonly Notice[] = ['paid', 'card_saved']
/** Where there is no amount to be told, because none is due. */
const IS_OVER: readonly Notice[] = ['paid', 'void', 'card_saved']

export type NoticePage = {
  around: Surroundings
  notice: Notice
  subject?: Subject | undefined
  /** What became of the last payment, as far as the customer is to know. */
  outcome?: Outcome | undefined
  /** Where the button leads, and where the link does. */
  payPath: string | undefined
  /** Where this page is, if it is not where the button leads. */
  here?: string
  againPath?: string | undefined
  /** Where to look once more, by a person or by the script. */
  wait?: { checkPath: string; statusPath: string; words: string } | undefined
  accountPath?: string | undefined
  /** Of what is paid: the files that can be had, that of the books only for an invoice by itself. */
  files?: { invoice: boolean } | undefined
}

/** The one page about something that a customer came to pay: what is the matter with it, in plain words. */
export function renderNotice(page: NoticePage): string {
  const { around, notice, subject, payPath, wait } = page
  const { title } = around.speech.texts.notices[notice]
  const name = subject && nameOf(subject, around)
  return renderCustomerPage({
    around,
    title: name ? `${title} · ${name}` : title,
    here: page.here ?? payPath,
    about: name,
    hasScript: wait !== undefined,
    children: <Notice page={page} name={name} />,
  })
}

function Notice({ page, name }: { page: NoticePage; name: string | undefined }) {
  const { around, notice, outcome, payPath, againPath = payPath, wait, accountPath } = page
  const { texts } = around.speech
  const { title, text, again, press } = texts.notices[notice]
  const reason = notice === 'declined' && outcome?.decline && texts.declines[outcome.decline]
  return (
    <div class="card notice" data-wait={wait?.statusPath} data-waits={wait?.words}>
      <div class={GOOD.includes(notice) ? 'mark good' : 'mark'} aria-hidden="true">
        {MARKS[notice]}
      </div>
      <h1>{title}</h1>
      {reason && <p>{reason}</p>}
      <p>{text}</p>
      {outcome?.paid && notice === 'paid' && !around.isTest && <p>{texts.receiptMailed}</p>}
      {press && payPath !== undefined && (
        <form method="post" action={payPath}>
          <button class="press" type="submit">
            {press}
          </button>
        </form>
      )}
      {wait && (
        <a class="press" href={wait.checkPath}>
          {notice === 'preparing' ? again : texts.page.checkAgain}
        </a>
      )}
      {again && againPath !== undefined && notice !== 'preparing' && (
        <a class={wait ? 'way' : 'press'} href={againPath}>
          {again}
        </a>
      )}
      {accountPath && (
        <a class="way" href={accountPath}>
          {texts.page.back}
        </a>
      )}
      <Facts page={page} name={name} />
      <Files page={page} />
    </div>
  )
}

function Files({ page: { around, files, payPath, outcome } }: { page: NoticePage }) {
  const { invoicePdf, receiptPdf } = around.speech.texts.account
  const ways = [
    ...(files?.invoice ? [['invoice', invoicePdf] as const] : []),
    ...(files && outcome?.paid ? [['receipt', receiptPdf] as const] : []),
  ]
  if (ways.length === 0 || payPath === undefined) return <></>
  return (
    <p class="ways">
      {ways.map(([file, label]) => (
        <a class="way" href={`${payPath}/${file}`}>
          {label}
        </a>
      ))}
    </p>
  )
}

function Facts({ page, name }: { page: NoticePage; name: string | undefined }) {
  const { around, notice, subject, outcome } = page
  const { speech, timezone } = around
  const due = subject && !IS_OVER.includes(notice) ? writeDue(subject, speech.locale) : undefined
  const paid = notice === 'paid' ? outcome?.paid : undefined
  if (name === undefined) return <></>
  return (
    <dl class="facts">
      <dt>{name}</dt>
      <dd class="amount">
        {paid ? writeDodo(paid.amount, paid.currency, speech.locale) : (due ?? '')}
      </dd>
      {paid && (
        <>
          <dt>
            {fill(speech.texts.paidOn, { date: writeDate(paid.at, speech.locale, timezone) })}
          </dt>
          <dd>{paid.card ? fill(speech.texts.paidBy, { card: paid.card }) : ''}</dd>
        </>
      )}
    </dl>
  )
}

function nameOf({ kind, number }: Subject, { speech }: Surroundings): string | undefined {
  const { subject } = speech.texts
  switch (kind) {
    case 'customer':
      return subject.card
    case 'order':
      return subject.order
    case 'payment_request':
    case 'selection':
      return subject.together
    case 'invoice':
      return number === null ? undefined : fill(subject.invoice, { number })
  }
}
