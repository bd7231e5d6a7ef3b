/** Whether the release that is played has what came with another. */
export type Since = (release: string) => boolean

/** Plays a release such as `1.18.0`; without one, today's code, which is ahead of every release. */
export function playRelease(release: string | undefined): Since {
  if (release === undefined) return () => true
  const own = numbersOf(release)
  return (other) => {
    const numbers = numbersOf(other)
    const index = own.findIndex((number, position) => number !== numbers[position])
    return index < 0 || (own[index] ?? 0) > (numbers[index] ?? 0)
  }
}

const numbersOf = (release: string) => release.replace(/^v/, '').split('.').map(Number)
