/** @jsxImportSource hono/jsx */
import { max, nice, ticks } from 'd3-array'

import {
  formatDodo,
  formatBooks,
  isSupportedCurrency,
  toDodoMinor,
  withoutCurrency,
} from '../../collect/money.ts'
import type { Day } from '../../report/dashboard/by-day.ts'
import { Table } from './table.tsx'
import { writeDay } from './words.ts'

/** What a drawing measures, in its own units: on a narrow screen another one is shown, not a smaller one. */
const SHAPES = {
  wide: { width: 900, height: 190, left: 78 },
  narrow: { width: 340, height: 170, left: 72 },
} as const
type Shape = keyof typeof SHAPES

const BOTTOM = 24
const TOP = 8
const TICKS = 4
const GAP = 0.25

type Charted = { days: readonly Day[]; currency: string }

/** Bars of what was collected, with what was declined and not paid since on top; the same numbers below as a table. */
export const DayChart = (charted: Charted) => (
  <>
    <p class="legend">
      <span>
        <span class="swatch" />
        Collected
      </span>
      <span>
        <span class="swatch declined" />
        Declined, and not paid since
      </span>
    </p>
    <Drawing {...charted} shape="wide" />
    <Drawing {...charted} shape="narrow" />
    <details>
      <summary>The same as a table</summary>
      <DayTable {...charted} />
    </details>
  </>
)

function Drawing({ days, currency, shape }: Charted & { shape: Shape }) {
  const { width, height, left } = SHAPES[shape]
  const bars = days.map((day) => ({ ...day, declinedDodo: asDodo(day.declined, currency) }))
  const highest = max(bars, ({ collected, declinedDodo }) => collected + declinedDodo) ?? 0
  const [, top] = nice(0, Math.max(highest, 1), TICKS)
  const yOf = (amount: number) => TOP + (height - TOP - BOTTOM) * (1 - amount / top)
  const step = (width - left) / Math.max(bars.length, 1)
  const sum = days.reduce((total, { collected }) => total + collected, 0)
  const said = `${formatDodo(sum, currency)} collected in ${days.length} days`
  const hatch = `hatch-${shape}`
  return (
    <svg class={`chart ${shape}`} viewBox={`0 0 ${width} ${height}`} role="img" aria-label={said}>
      <Hatch id={hatch} />
      {wholeTicks(top).map((amount) => (
        <>
          <line x1={left} x2={width} y1={yOf(amount)} y2={yOf(amount)} />
          <text x={left - 8} y={yOf(amount) + 4} text-anchor="end">
            {withoutCurrency(formatDodo(amount, currency))}
          </text>
        </>
      ))}
      {bars.map(({ collected, declinedDodo }, index) => {
        const place = { x: left + step * (index + GAP / 2), width: step * (1 - GAP) }
        return (
          <>
            <Bar of="taken" {...place} from={yOf(0)} to={yOf(collected)} />
            <Bar
              of="declined"
              {...place}
              from={yOf(collected)}
              to={yOf(collected + declinedDodo)}
              fill={`url(#${hatch})`}
            />
          </>
        )
      })}
      <DayLabel day={days[0]} x={left} y={height} anchor="start" />
      <DayLabel day={days.at(-1)} x={width} y={height} anchor="end" />
    </svg>
  )
}

/** Nothing is less than the smallest unit: where little was collected, a part of it would be named like its neighbour. */
const wholeTicks = (top: number) => ticks(0, top, TICKS).filter(Number.isInteger)

/** Told from what was collected without its colour. */
const Hatch = ({ id }: { id: string }) => (
  <defs>
    <pattern
      id={id}
      width="5"
      height="5"
      patternUnits="userSpaceOnUse"
      patternTransform="rotate(45)"
    >
      <line class="hatch" x1="0" y1="0" x2="0" y2="5" />
    </pattern>
  </defs>
)

const asDodo = (amount: number, currency: string) =>
  isSupportedCurrency(currency) ? toDodoMinor(amount, currency) : amount

const round = (number: number) => Math.round(number * 100) / 100

function Bar(props: {
  of: string
  x: number
  width: number
  from: number
  to: number
  fill?: string
}) {
  const height = props.from - props.to
  if (height <= 0) return <></>
  return (
    <rect
      class={props.of}
      x={round(props.x)}
      y={round(props.to)}
      width={round(props.width)}
      height={round(height)}
      rx="1.5"
      {...(props.fill && { fill: props.fill })}
    />
  )
}

function DayLabel(props: { day: Day | undefined; x: number; y: number; anchor: string }) {
  const { day, x, y, anchor } = props
  if (!day) return <></>
  return (
    <text x={x} y={y - 6} text-anchor={anchor}>
      {writeDay(new Date(`${day.day}T00:00:00Z`))}
    </text>
  )
}

const DayTable = ({ days, currency }: Charted) => (
  <Table
    caption={`Collected and declined by day, ${currency}`}
    columns={[
      'Day',
      { label: 'Collected', is: 'number' },
      { label: 'Declined, and not paid since', is: 'number' },
    ]}
    rows={days
      .filter(({ collected, declined }) => collected + declined > 0)
      .map(({ day, collected, declined }) => [
        writeDay(new Date(`${day}T00:00:00Z`)),
        formatDodo(collected, currency),
        formatBooks(declined, currency),
      ])}
    empty="Nothing was collected or declined in this period."
  />
)
