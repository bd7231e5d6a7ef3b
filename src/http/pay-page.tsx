/** @jsxImportSource hono/jsx */
import { raw } from 'hono/html'

import { TEXTS, type Notice } from './pay-texts.ts'

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
  form { margin: 0 }
  .again { display: inline-block; margin-top: 1.5rem; padding: .7rem 1.6rem; border: 0; border-radius: .6rem;
    background: #1f5fbf; color: #fff; font: inherit; font-weight: 600; text-decoration: none; cursor: pointer }
  .again:hover { background: #184c99 } .again:focus-visible { outline: 3px solid var(--ink); outline-offset: 2px }
  h1, dt { overflow-wrap: anywhere }
`

export type Page = {
  notice: Notice
  title: string | undefined
  amount: string | undefined
  /** Where the link, the button and the refresh lead. */
  payPath: string | undefined
  againPath?: string | undefined
  refresh?: { seconds: number; url: string } | undefined
}

/** The one page a customer may see of us: what is the matter with what they came to pay, in plain words. */
export const renderPage = (page: Page) =>
  `<!DOCTYPE html>\n${(PayPage(page) as { toString(): string }).toString()}`

function PayPage({ notice, title: subject, amount, payPath, againPath = payPath, refresh }: Page) {
  const { mark, title, text, again, press } = TEXTS[notice]
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
          {press && payPath !== undefined && (
            <form method="post" action={payPath}>
              <button class="again" type="submit">
                {press}
              </button>
            </form>
          )}
          {again && againPath !== undefined && (
            <a class="again" href={againPath}>
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
