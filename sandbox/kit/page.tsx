/** @jsxImportSource hono/jsx */
import { raw } from 'hono/html'
import type { Child } from 'hono/jsx'

const STYLE = `
:root { color-scheme: light dark; --line: color-mix(in srgb, currentColor 18%, transparent);
  --quiet: color-mix(in srgb, currentColor 60%, transparent); --accent: #2f5bea; }
* { box-sizing: border-box; }
body { font: 16px/1.5 system-ui, sans-serif; margin: 0 auto; padding: 1.5rem 1rem 4rem; }
body.narrow { max-width: 30rem; } body.wide { max-width: 64rem; }
h1 { font-size: 1.35rem; margin: 0 0 1rem; } h2 { font-size: 1.05rem; margin: 2rem 0 .5rem; }
.badge { display: inline-block; font-size: .75rem; padding: .1rem .5rem; border-radius: 1rem;
  border: 1px solid var(--line); color: var(--quiet); }
.amount { font-size: 2rem; font-weight: 650; margin: .25rem 0 1rem; }
.card { border: 1px solid var(--line); border-radius: .75rem; padding: 1rem; margin: 0 0 1rem; }
.quiet { color: var(--quiet); font-size: .875rem; }
form { display: flex; flex-wrap: wrap; gap: .5rem; align-items: center; margin: .35rem 0; }
button, select, input { font: inherit; padding: .45rem .8rem; border-radius: .5rem;
  border: 1px solid var(--line); background: transparent; color: inherit; max-width: 100%; }
button { cursor: pointer; } button.main { background: var(--accent); border-color: var(--accent);
  color: #fff; width: 100%; padding: .7rem; } input.short { width: 8.5rem; }
label { display: inline-flex; flex-direction: column; font-size: .75rem; color: var(--quiet); }
label > * { font-size: 1rem; color: CanvasText; }
.scroll { overflow-x: auto; } table { border-collapse: collapse; width: 100%; font-size: .875rem; }
th, td { text-align: left; padding: .4rem .6rem .4rem 0; border-bottom: 1px solid var(--line);
  vertical-align: top; } th { font-weight: 600; color: var(--quiet); }
@media (max-width: 40rem) { table, tbody, tr, td { display: block; } thead { display: none; }
  tr { border-bottom: 1px solid var(--line); padding: .6rem 0; } td { border: 0; padding: .15rem 0; } }
code { font-size: .85em; overflow-wrap: anywhere; }
`

/** The frame of every sandbox page: one column for customers, a wide one for operators. */
export function Page(props: { title: string; width?: 'narrow' | 'wide'; children?: Child }) {
  return (
    <>
      {raw('<!DOCTYPE html>')}
      <html lang="en">
        <head>
          <meta charset="utf-8" />
          <meta name="viewport" content="width=device-width, initial-scale=1" />
          <title>{props.title}</title>
          <style dangerouslySetInnerHTML={{ __html: STYLE }} />
        </head>
        <body class={props.width ?? 'narrow'}>
          <main>
            <span class="badge">sandbox, no real money</span>
            <h1>{props.title}</h1>
            {props.children}
          </main>
        </body>
      </html>
    </>
  )
}

/** What somebody wrote on an object for machines to read, one entry a line. */
export function Entries({ of }: { of: Readonly<Record<string, unknown>> }) {
  return (
    <>
      {Object.entries(of).map(([key, value]) => (
        <div class="quiet">
          {key}: <code>{String(value)}</code>
        </div>
      ))}
    </>
  )
}

/** A button that does one thing, with the fields it needs. */
export function Act(props: {
  to: string
  label: string
  main?: boolean
  fields?: Record<string, string>
  children?: Child
}) {
  return (
    <form method="post" action={props.to}>
      {Object.entries(props.fields ?? {}).map(([name, value]) => (
        <input type="hidden" name={name} value={value} />
      ))}
      {props.children}
      <button type="submit" class={props.main ? 'main' : ''}>
        {props.label}
      </button>
    </form>
  )
}

/** A field to fill in, under its name. */
export function Input(props: {
  label: string
  name: string
  value?: string | number
  type?: 'text' | 'email'
  digits?: 'numeric' | 'decimal'
  isShort?: boolean
  isRequired?: boolean
}) {
  const { label, name, value = '', type = 'text', digits, isShort, isRequired = false } = props
  return (
    <label>
      {label}
      <input
        class={isShort || digits ? 'short' : ''}
        name={name}
        type={type}
        value={String(value)}
        inputmode={digits}
        required={isRequired}
      />
    </label>
  )
}

/** A choice of a few, under its name. */
export function Select(props: { label: string; name: string; children?: Child }) {
  return (
    <label>
      {props.label}
      <select name={props.name}>{props.children}</select>
    </label>
  )
}
