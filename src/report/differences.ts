import { alignColumns, count } from '../print/text.ts'

/** Which payment, refund or dispute, of which invoice, what each side holds, and why. */
export type Told = { isExplained: boolean; columns: string[] }

export function describeDifferences(differences: readonly Told[], isAnything: boolean): string[] {
  if (differences.length === 0) return isAnything ? ['', 'No difference.'] : []
  const unexplained = differences.filter(({ isExplained }) => !isExplained).length
  return [
    '',
    `${count(differences.length, 'difference')}, ${unexplained} unexplained:`,
    ...alignColumns(
      differences.map(({ isExplained, columns }) => [
        isExplained ? 'explained' : 'UNEXPLAINED',
        ...columns,
      ]),
    ),
  ]
}
