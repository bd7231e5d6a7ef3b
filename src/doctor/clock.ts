import { fail, ok, skip, warn, type Check } from './check.ts'
import type { Patient } from './patient.ts'

const WARN_SECONDS = 30
/** Dodo's signatures tolerate 300, both ways. */
const FAIL_SECONDS = 240
const ANSWER_MS = 8_000
const FIX = 'turn on time synchronisation (NTP) on this machine'

export const clock: Check = {
  id: 'clock',
  async run(patient) {
    const { config } = patient
    const apart = await Promise.all([
      readSecondsAhead(patient, 'Dodo', config.dodo.url),
      ...(config.lago.isOn ? [readSecondsAhead(patient, 'Lago', `${config.lago.url}/health`)] : []),
    ])
    const known = apart.filter((one) => one !== undefined)
    if (known.length === 0) return skip('neither service says what time it is')
    const evidence = known
      .map(({ service, seconds }) => describeSeconds(service, seconds))
      .join(', ')
    const worst = Math.max(...known.map(({ seconds }) => Math.abs(seconds)))
    if (worst > FAIL_SECONDS) return fail(evidence, FIX)
    return worst > WARN_SECONDS ? warn(evidence, FIX) : ok(evidence)
  },
}

/** From the `Date` of any answer, which is whole seconds old at most. */
export async function readSecondsAhead({ fetch, now }: Patient, service: string, url: string) {
  const askedAt = now().getTime()
  const response = await fetch(url, {
    signal: AbortSignal.timeout(ANSWER_MS),
    redirect: 'manual',
  }).catch(() => undefined)
  const date = Date.parse(response?.headers.get('date') ?? '')
  await response?.body?.cancel()
  if (Number.isNaN(date)) return undefined
  const middle = (askedAt + now().getTime()) / 2
  return { service, seconds: (middle - date - 500) / 1_000 }
}

export function describeSeconds(service: string, seconds: number): string {
  const size = Math.abs(seconds)
  // A time that is told in whole seconds says no more, with what the answer took.
  if (size < 1.5) return `within 1 s of ${service}`
  return `${size.toFixed(0)} s ${seconds > 0 ? 'ahead of' : 'behind'} ${service}`
}
