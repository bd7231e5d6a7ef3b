/** @jsxImportSource hono/jsx */
import { raw } from 'hono/html'

const STYLE = `
  :root { color-scheme: light dark; --ink: #1c1f24; --soft: #5b6370; --paper: #f5f6f8; --card: #fff; --line: #e3e6eb }
  @media (prefers-color-scheme: dark) { :root { --ink: #eceef1; --soft: #a3abb8; --paper: #14161a; --card: #1e2127; --line: #32363e } }
  * { box-sizing: border-box }
  body { margin: 0; min-height: 100vh; display: grid; place-items: center; padding: 1rem; background: var(--paper);
    color: var(--ink); font: 1rem/1.5 system-ui, sans-serif }
  main { width: 100%; max-width: 30rem; padding: 2.5rem 2rem; background: var(--card); border: 1px solid var(--line);
    border-radius: 1rem }
  h1 { margin: 0 0 .5rem; font-size: 1.5rem }
  p { margin: .5rem 0 0; color: var(--soft) }
`

/** A page for whoever installs the app: what became of it, and what to do next. */
export const renderNotice = (notice: { title: string; texts: readonly string[] }) =>
  `<!DOCTYPE html>\n${(Notice(notice) as { toString(): string }).toString()}`

function Notice({ title, texts }: { title: string; texts: readonly string[] }) {
  return (
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>{title}</title>
        <style>{raw(STYLE)}</style>
      </head>
      <body>
        <main>
          <h1>{title}</h1>
          {texts.map((text) => (
            <p>{text}</p>
          ))}
        </main>
      </body>
    </html>
  )
}
