/** Names that somebody meant for us: nobody else reads them, but for a Lago beside us. */
const OURS = /^(?:LAGO|DODO|OPENFRONT|HIGHLEVEL)_/
/** What Kubernetes and Docker set by themselves for a service that is called `lago`, `dodo` or `openfront`. */
const LINKS = /_(?:SERVICE_(?:HOST|PORT.*)|PORT(?:_\d+_(?:TCP|UDP).*)?|ENV_.*|NAME)$/

/**
 * Variables that look like ours and are none, each with the one that was probably meant: a name that is slightly
 * wrong leaves a default in place, in silence.
 */
export function findUnknown(names: readonly string[], known: readonly string[]): string[] {
  const unknown = names.filter((name) => !known.includes(name) && !LINKS.test(name))
  return unknown.flatMap((name) => {
    const meant = guessMeant(name, known)
    if (!meant && !OURS.test(name)) return []
    return [meant ? `${name} (${meant}?)` : name]
  })
}

function guessMeant(name: string, known: readonly string[]): string | undefined {
  const inFile = known.find((one) => `${one}_FILE` === name)
  if (inFile) return inFile
  const ranked = known.map((one) => ({ one, edits: countEdits(name, one) }))
  const [nearest] = ranked.toSorted((a, b) => a.edits - b.edits)
  // A short name is soon another word: PATH is not PORT.
  if (nearest && nearest.edits <= (name.length < 7 ? 1 : 2)) return nearest.one
  // `LAGO_URL` for `LAGO_API_URL`: all that is there is right, and a part is missing.
  if (!OURS.test(name)) return undefined
  const parts = name.split('_')
  const fuller = known.filter((one) => parts.every((part) => one.split('_').includes(part)))
  return fuller.toSorted((a, b) => a.length - b.length)[0]
}

/** The number of letters to change, add or remove (Levenshtein). */
function countEdits(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, index) => index)
  for (const [at, letter] of Array.from(from).entries()) {
    const next = [at + 1]
    for (const [index, other] of Array.from(to).entries()) {
      const [left = 0, above = 0, corner = 0] = [next[index], row[index + 1], row[index]]
      next.push(Math.min(left + 1, above + 1, corner + (letter === other ? 0 : 1)))
    }
    row = next
  }
  return row.at(-1) ?? 0
}
