/** @jsxImportSource hono/jsx */
import { createContext, useContext, type Child } from 'hono/jsx'

import type { Session } from './session.ts'
import { ageOf, writeMoment } from './words.ts'

/** What all parts of one page go by. */
export type Surroundings = {
  /** The path of `PUBLIC_URL`, before every address of ours. */
  basePath: string
  now: Date
  session: Session | undefined
  formToken: string
  /** Where Dodo shows payments to people; undefined where it is a sandbox, which has no such place. */
  dodoPayments: string | undefined
}
export const Around = createContext<Surroundings>({
  basePath: '',
  now: new Date(0),
  session: undefined,
  formToken: '',
  dodoPayments: undefined,
})

/** An address of the dashboard, as a browser has to ask for it. */
export const addressOf = (basePath: string, to: string) => `${basePath}/dashboard${to}`

export function Link(props: { to: string; class?: string; current?: boolean; children?: Child }) {
  const { basePath } = useContext(Around)
  return (
    <a
      href={addressOf(basePath, props.to)}
      {...(props.class && { class: props.class })}
      {...(props.current && { 'aria-current': 'page' })}
    >
      {props.children}
    </a>
  )
}

const STATES: Readonly<Record<string, readonly [shape: string, word: string]>> = {
  open: ['○', 'Open'],
  processing: ['◐', 'Processing'],
  paid: ['●', 'Paid'],
  failed: ['▲', 'Failed'],
  void: ['–', 'Void'],
  skipped: ['·', 'Skipped'],
  attention: ['■', 'Needs attention'],
}
export const wordOf = (state: string) => STATES[state]?.[1] ?? state

/** A state as a shape, a word and a colour. */
export function State({ is }: { is: string }) {
  const [shape, word] = STATES[is] ?? ['·', is]
  return (
    <span class={`badge ${is}`}>
      <span aria-hidden="true">{shape}</span>
      <span>{word}</span>
    </span>
  )
}

export const Verdict = ({ agrees, children }: { agrees: boolean; children?: Child }) => (
  <span class={`badge ${agrees ? 'agree' : 'differ'}`}>
    <span aria-hidden="true">{agrees ? '●' : '■'}</span>
    <span>{children}</span>
  </span>
)

/** A moment, and how long ago it is; or one of the two. */
export function When({ at, only }: { at: Date | null | undefined; only?: 'age' | 'moment' }) {
  const { now } = useContext(Around)
  if (!at) return <>not known yet</>
  const [age, moment] = [ageOf(at, now), writeMoment(at)]
  if (only === 'age')
    return (
      <time class="ago" datetime={at.toISOString()} title={moment}>
        {age}
      </time>
    )
  return (
    <>
      <time datetime={at.toISOString()}>{moment}</time>
      {!only && <span class="age"> ({age})</span>}
    </>
  )
}

/** An id, whole, and a button that copies it where there is a script. */
export function Id({ of, what }: { of: string; what: string }) {
  return (
    <span class="id">
      <code>{of}</code>
      <Copy text={of} what={what} />
    </span>
  )
}

/** A payment's id, which leads to its page in Dodo's dashboard. */
export function PaymentId({ of }: { of: string }) {
  const { dodoPayments } = useContext(Around)
  if (dodoPayments === undefined) return <code>{of}</code>
  return (
    <a href={`${dodoPayments}/${encodeURIComponent(of)}`} rel="noreferrer">
      <code>{of}</code>
      <span class="hidden"> in Dodo</span>
    </a>
  )
}

export const Copy = ({ text, what }: { text: string; what: string }) => (
  <>
    <button type="button" class="plain" data-copy={text} hidden>
      Copy<span class="hidden"> {what}</span>
    </button>
    <span role="status" class="small soft"></span>
  </>
)

export function Facts({ rows }: { rows: readonly (readonly [string, Child] | false)[] }) {
  return (
    <dl class="facts">
      {rows.map(
        (row) =>
          row && (
            <>
              <dt>{row[0]}</dt>
              <dd>{row[1] === null || row[1] === '' ? 'not known yet' : row[1]}</dd>
            </>
          ),
      )}
    </dl>
  )
}

export const Empty = ({ children }: { children?: Child }) => <p class="empty">{children}</p>

/** The fields that no form of ours goes without: whose it is, and which one. */
function Sealed() {
  const { formToken } = useContext(Around)
  return (
    <>
      <input type="hidden" name="token" value={formToken} />
      <input type="hidden" name="once" value={crypto.randomUUID()} />
    </>
  )
}

/** What a form asks beside what it does. */
export type Question = {
  name: string
  label: string
  isRequired: boolean
  type?: 'text' | 'email'
  value?: string | undefined
}

/** One button that does something. Whatever it does, sent twice it is done once. */
export function Act(props: {
  to: string
  label: string
  about?: string
  main?: boolean
  asks?: Question | undefined
  /** What the form says beside who sends it. */
  fields?: Readonly<Record<string, string>>
}) {
  const { basePath, session } = useContext(Around)
  // Who may only look is not shown what they may not do.
  if (session?.role === 'viewer' && props.to !== '/logout') return <></>
  const { asks } = props
  return (
    <form
      method="post"
      action={addressOf(basePath, props.to)}
      class={asks ? 'filter asking' : 'inline'}
    >
      <Sealed />
      {Object.entries(props.fields ?? {}).map(([name, value]) => (
        <input type="hidden" name={name} value={value} />
      ))}
      {asks && (
        <label>
          {asks.label}
          <input
            type={asks.type ?? 'text'}
            name={asks.name}
            value={asks.value}
            maxlength={200}
            required={asks.isRequired}
          />
        </label>
      )}
      <button type="submit" {...(props.main && { class: 'main' })}>
        {props.label}
        {props.about && <span class="hidden"> {props.about}</span>}
      </button>
    </form>
  )
}
