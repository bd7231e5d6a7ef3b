/** @jsxImportSource hono/jsx */
import { useContext, type Child } from 'hono/jsx'

import { addressOf, Around, Link } from './kit.tsx'
import { withQuery } from './query.ts'

type Given = Readonly<Record<string, string | undefined>>

/** A form that narrows a list down, and what it is narrowed to, each with a way out. The address says it all. */
export function Filter(props: { to: string; given: Given; labels: Given; children?: Child }) {
  const { basePath } = useContext(Around)
  const { to, given, labels } = props
  const active = Object.entries(given).filter(([name, value]) => value && labels[name])
  return (
    <div class="narrowing noprint">
      <form method="get" action={addressOf(basePath, to)} class="filter">
        {props.children}
        <button type="submit">Filter</button>
      </form>
      {active.length > 0 && (
        <p class="buttons small">
          <span class="soft">Only</span>
          {active.map(([name, value]) => (
            <Link to={withQuery(to, { ...given, [name]: undefined })} class="badge">
              {labels[name]} {value} <span aria-hidden="true">×</span>
              <span class="hidden">take this filter away</span>
            </Link>
          ))}
        </p>
      )}
    </div>
  )
}

export const Choose = (props: {
  label: string
  name: string
  value: string | undefined
  choices: readonly (readonly [value: string, word: string])[]
  any?: string
}) => (
  <label>
    {props.label}
    <select name={props.name}>
      {props.any !== undefined && <option value="">{props.any}</option>}
      {props.choices.map(([value, word]) => (
        <option value={value} selected={value === props.value}>
          {word}
        </option>
      ))}
    </select>
  </label>
)

export const Input = (props: {
  label: string
  name: string
  value: string | undefined
  type?: string
}) => (
  <label>
    {props.label}
    <input
      type={props.type ?? 'text'}
      name={props.name}
      value={props.value ?? ''}
      maxlength={200}
    />
  </label>
)
