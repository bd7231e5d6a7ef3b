/** @jsxImportSource hono/jsx */
import { raw } from 'hono/html'

export type Notice =
  | 'paid'
  | 'card_saved'
  | 'processing'
  | 'void'
  | 'not_payable'
  | 'declined'
  | 'preparing'
  | 'waiting'
  | 'unknown'

/** `again` leads back to the pay link, where there is something left to be done there. */
const TEXTS: Record<Notice, { title: string; text: string; mark: string; again?: string }> = {
  paid: {
    mark: '✓',
    title: 'Paid',
    text: 'Thank you. This invoice is paid, and nothing more is due.',
  },
  card_saved: {
    mark: '✓',
    title: 'Card saved',
    text: 'Your invoices are paid with it from now on. You can close this page.',
    again: 'Save another card',
  },
  declined: {
    mark: '!',
    title: 'The payment was declined',
    text: 'Nothing was taken. Please try again, or use another card.',
    again: 'Pay now',
  },
  processing: {
    mark: '…',
    title: 'Being processed',
    text: 'Your payment is with your bank. This can take some days; you need not do anything.',
  },
  void: {
    mark: '–',
    title: 'No longer due',
    text: 'This invoice was cancelled. Please do not pay it.',
  },
  not_payable: {
    mark: '!',
    title: 'Not payable here',
    text: 'This invoice cannot be paid on this page. Please get in touch with the company that sent it.',
  },
  preparing: { mark: '…', title: 'One moment', text: 'Your checkout is being prepared.' },
  waiting: {
    mark: '…',
    title: 'Waiting for the result',
    text: 'We are asking whether your payment went through. This page updates by itself.',
    again: 'Back to the payment',
  },
  unknown: {
    mark: '?',
    title: 'Unknown link',
    text: 'There is no invoice behind this link. Is it complete?',
  },
}

const STYLE = `
  :root { color-scheme: light dark; --ink: #1c1f24; --soft: #5b6370; --paper: #f5f6f8; --card: #fff; --line: #e3e6eb }
  @media (prefers-color-scheme: dark) { :root { --ink: #eceef1; --soft: #a3abb8; --paper: #14161a; --card: #1e2127; --line: #32363e } }
  * { box-sizing: border-box }
  body { margin: 0; min-height: 100vh; display: grid; place-items: center; padding: 1rem; background: var(--paper);
    color: var(--ink); font: 1rem/1.5 system-ui, sans-serif }
  main { width: 100%; max-width: 26rem; padding: 2.5rem 2rem; text-align: center; background: var(--card);
    border: 1px solid var(--line); border-radius: 1rem }
  .mark { width: 4rem; height: 4rem; margin: 0 auto 1.25rem; display: grid; place-items: center; font-size: 1.75rem;
    border-radius: 50%; background: var(--line) }
  .mark.paid, .mark.card_saved { background: #1a7f4b; color: #fff }
  h1 { margin: 0 0 .5rem; font-size: 1.5rem }
  p { margin: 0; color: var(--soft) }
  dl { margin: 2rem 0 0; padding-top: 1.25rem; border-top: 1px solid var(--line); display: grid;
    grid-template-columns: 1fr auto; gap: .25rem 1rem; text-align: left }
  dt { color: var(--soft) } dd { margin: 0; text-align: right; font-variant-numeric: tabular-nums }
  .again { display: inline-block; margin-top: 1.5rem; padding: .6rem 1.4rem; border: 1px solid var(--line);
    border-radius: .6rem; color: inherit; text-decoration: none }
  .again:hover { background: var(--line) }
`

/** The one page a customer may see of us: what is the matter with what they came to pay, in plain words. */
export function PayPage({
  notice,
  title: subject,
  amount,
  payPath,
  refresh,
}: {
  notice: Notice
  title: string | undefined
  amount: string | undefined
  payPath: string
  refresh: { seconds: number; url: string } | undefined
}) {
  const { mark, title, text, again } = TEXTS[notice]
  const isDue = notice !== 'paid' && notice !== 'void' && notice !== 'card_saved'
  return (
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        {refresh && <meta http-equiv="refresh" content={`${refresh.seconds};url=${refresh.url}`} />}
        <title>{subject ? `${title} · ${subject}` : title}</title>
        <style>{raw(STYLE)}</style>
      </head>
      <body>
        <main>
          <div class={`mark ${notice}`} aria-hidden="true">
            {mark}
          </div>
          <h1>{title}</h1>
          <p>{text}</p>
          {again && (
            <a class="again" href={payPath}>
              {again}
            </a>
          )}
          {subject && (
            <dl>
              <dt>{subject}</dt>
              <dd>{isDue ? amount : ''}</dd>
            </dl>
          )}
        </main>
      </body>
    </html>
  )
}
