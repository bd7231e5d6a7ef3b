/** @jsxImportSource hono/jsx */
import { Act, Link, type Question } from './kit.tsx'
import { forPeople } from './words.ts'

/** What will happen, in words, before it does: the button says it, too. */
export function Confirm(props: {
  title: string
  says: readonly string[]
  press: string
  /** Where the form goes, and where who thinks better of it. */
  to: string
  back: string
  whyNot?: string | undefined
  asks?: Question | undefined
  fields?: Readonly<Record<string, string>> | undefined
}) {
  const { title, says, press, to, back, whyNot, asks, fields = {} } = props
  return (
    <div class="card intro">
      <h1>{title}</h1>
      {whyNot ? (
        <p class="notice warn">This cannot be done now: {whyNot}.</p>
      ) : (
        says.map((line) => <p>{forPeople(line)}</p>)
      )}
      <div class="buttons">
        {!whyNot && <Act to={to} label={press} main asks={asks} fields={fields} />}
        <Link to={back} class="button">
          Back
        </Link>
      </div>
    </div>
  )
}
