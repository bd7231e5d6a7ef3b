/** @jsxImportSource hono/jsx */
import { HARD_DECLINES, SOFT_DECLINES } from './dodo-decline-codes.ts'
import { CHARGE_OUTCOMES } from './dodo-world.ts'

/** Which decline it shall be. */
export function DeclinePicker({ name = 'code', chosen }: { name?: string; chosen?: string }) {
  return (
    <select name={name}>
      <Declines chosen={chosen} />
    </select>
  )
}

/** How charges on a mandate shall end; `asOthers` adds the choice of having no opinion. */
export function OutcomePicker(props: { name: string; chosen?: string; asOthers?: boolean }) {
  const { name, chosen = '', asOthers = false } = props
  return (
    <select name={name}>
      {asOthers && (
        <option value="" selected={chosen === ''}>
          as others
        </option>
      )}
      {CHARGE_OUTCOMES.map((outcome) => (
        <option selected={outcome === chosen}>{outcome}</option>
      ))}
      <Declines chosen={chosen} />
    </select>
  )
}

/** One of a few words. */
export function Picker(props: { name: string; among: readonly string[]; chosen?: string }) {
  return (
    <select name={props.name}>
      {props.among.map((word) => (
        <option selected={word === props.chosen}>{word}</option>
      ))}
    </select>
  )
}

function Declines({ chosen }: { chosen?: string | undefined }) {
  return (
    <>
      <optgroup label="soft declines">
        {SOFT_DECLINES.map((code) => (
          <option selected={code === chosen}>{code}</option>
        ))}
      </optgroup>
      <optgroup label="hard declines">
        {HARD_DECLINES.map((code) => (
          <option selected={code === chosen}>{code}</option>
        ))}
      </optgroup>
    </>
  )
}
