import { styleText } from 'node:util'

import type { Write } from '../print/text.ts'
import { count } from '../print/text.ts'
import type { Verdict } from './check.ts'
import type { Diagnosis } from './run.ts'

/** What a terminal shows without breaking lines itself. */
export const WIDTH = 80
const VERDICT_WIDTH = 6
const LONGEST_ID = 18
const INDENT = VERDICT_WIDTH + LONGEST_ID

const SHOWN: Record<Verdict, string> = { ok: 'ok', warn: 'warn', fail: 'FAIL', skip: 'skip' }
const STYLE = { ok: 'green', warn: 'yellow', fail: 'red', skip: 'gray' } as const

/** Writes a line or a few for each finding, within 80 columns, and the sum. */
export function writeDiagnoses(
  diagnoses: readonly Diagnosis[],
  { write, isQuiet, isColoured }: { write: Write; isQuiet: boolean; isColoured: boolean },
) {
  const paint = (verdict: Verdict, text: string) =>
    isColoured ? styleText(STYLE[verdict], text, { validateStream: false }) : text

  for (const { id, verdict, evidence, fix } of diagnoses) {
    if (isQuiet && (verdict === 'ok' || verdict === 'skip')) continue
    const head = `${paint(verdict, SHOWN[verdict].padEnd(VERDICT_WIDTH))}${id.padEnd(LONGEST_ID)}`
    const lines = [...wrap(evidence), ...(fix === undefined ? [] : wrap(`fix: ${fix}`))]
    for (const [index, line] of lines.entries()) {
      write(`${index === 0 ? head : ' '.repeat(INDENT)}${line}`.trimEnd())
    }
  }
  write(summaryOf(diagnoses))
}

function summaryOf(diagnoses: readonly Diagnosis[]): string {
  const of = (verdict: Verdict) => diagnoses.filter((one) => one.verdict === verdict).length
  const parts = [
    `${of('ok')} ok`,
    count(of('warn'), 'warning'),
    `${of('fail')} failed`,
    `${of('skip')} skipped`,
  ]
  return `${count(diagnoses.length, 'check')}: ${parts.join(', ')}`
}

/** Lines that fit, by default beside the names, broken between words; a word that is longer stands alone and whole, to be copied. */
export function wrap(text: string, width = WIDTH - INDENT): string[] {
  return text.split('\n').flatMap((paragraph) => {
    const lines: string[] = []
    let line = ''
    for (const word of paragraph.split(' ')) {
      const longer = line === '' ? word : `${line} ${word}`
      if (line !== '' && Bun.stringWidth(longer) > width) {
        lines.push(line)
        line = word
      } else line = longer
    }
    return [...lines, line]
  })
}

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const DAY_MS = 24 * HOUR_MS

/** How long ago, as one says it: `4 min`, `3 h`, `2 d`. */
export function ageOf(at: Date, now: Date): string {
  const ms = Math.max(0, now.getTime() - at.getTime())
  if (ms < MINUTE_MS) return `${Math.round(ms / 1_000)} s`
  if (ms < HOUR_MS) return `${Math.round(ms / MINUTE_MS)} min`
  if (ms < 2 * DAY_MS) return `${Math.round(ms / HOUR_MS)} h`
  return `${Math.round(ms / DAY_MS)} d`
}
