/** @jsxImportSource hono/jsx */
import { HARD_DECLINES, SOFT_DECLINES } from './decline-codes.ts'
import { CHARGE_OUTCOMES } from '../store/world.ts'
import { Select } from '../../kit/page.tsx'

/** Which decline it shall be. */
export function DeclinePicker() {
  return (
    <Select label="decline code" name="code">
      <Declines />
    </Select>
  )
}

/** How charges on a mandate shall end; `asOthers` adds the choice of having no opinion. */
export function OutcomePicker(props: { name: string; chosen?: string; asOthers?: boolean }) {
  const { name, chosen = '', asOthers = false } = props
  return (
    <Select label="they end as" name={name}>
      {asOthers && (
        <option value="" selected={chosen === ''}>
          as others
        </option>
      )}
      {CHARGE_OUTCOMES.map((outcome) => (
        <option selected={outcome === chosen}>{outcome}</option>
      ))}
      <Declines chosen={chosen} />
    </Select>
  )
}

/** One of a few words. */
export function Picker(props: { name: string; among: readonly string[]; chosen?: string }) {
  return (
    <Select label={props.name} name={props.name}>
      {props.among.map((word) => (
        <option selected={word === props.chosen}>{word}</option>
      ))}
    </Select>
  )
}

function Declines({ chosen }: { chosen?: string }) {
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
