/** @jsxImportSource hono/jsx */
import type { Child } from 'hono/jsx'

import { When } from './kit.tsx'
import { forPeople } from './words.ts'

/** What was written down, the newest last; `beside` is what stands behind each line. */
export const Lines = (props: {
  of: readonly { at: Date | string; what: string }[]
  beside?: (at: Date) => Child
}) => (
  <ol class="lines card">
    {props.of.map(({ at, what }) => (
      <li>
        <span class="soft">
          <When at={new Date(at)} only="moment" />
        </span>
        <span>
          {forPeople(what)}
          {props.beside?.(new Date(at))}
        </span>
      </li>
    ))}
  </ol>
)
