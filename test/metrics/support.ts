/** A sample of Prometheus' text format. */
export type Parsed = { name: string; labels: Record<string, string>; value: number }

const LINE = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$/
const LABEL = /([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"/g

/** The samples of a scrape. Throws at the first line that is none. */
export function parseMetrics(text: string): Parsed[] {
  return text
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => {
      const [, name = '', labels = '', value = ''] = LINE.exec(line) ?? []
      if (name === '') throw new Error(`not a sample: ${line}`)
      return {
        name,
        labels: Object.fromEntries(
          Array.from(labels.matchAll(LABEL), ([, label = '', given = '']) => [label, given]),
        ),
        value: Number(value),
      }
    })
}

/** The value of the one sample with these labels. */
export function valueOf(
  samples: readonly Parsed[],
  name: string,
  labels: Record<string, string> = {},
): number | undefined {
  return samples.find(
    (sample) =>
      sample.name === name &&
      Object.entries(labels).every(([label, value]) => sample.labels[label] === value),
  )?.value
}
