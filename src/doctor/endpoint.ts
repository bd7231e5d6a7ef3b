import { endpointUrl, planEndpoint, type FoundEndpoint } from '../setup/plan-endpoint.ts'
import { UNMARKED } from '../setup/plan-dodo.ts'
import { fail, ok, type Finding } from './check.ts'

const FIX = 'run `bridge setup`'
type Path = Parameters<typeof endpointUrl>[0]['path']

/** Whether exactly one endpoint leads to this bridge, and is as it has to be. `service` is how it is called in words. */
export function judgeEndpoint(
  found: readonly FoundEndpoint[],
  {
    publicUrl,
    path,
    service,
    sent,
  }: { publicUrl: string; path: Path; service: string; sent: string },
): Finding {
  const url = endpointUrl({ publicUrl, path })
  const { base, remove } = planEndpoint(found, { publicUrl, path }, { mayAdopt: true })
  if (!base || base.url !== url) {
    const others = found.map((one) => one.url)
    const instead = others.length > 0 ? `it sends to ${others.join(', ')}` : 'it has none'
    return fail(`no endpoint of ${service} leads to ${url}: ${instead}`, FIX)
  }
  if (remove.length > 0) {
    const urls = [base, ...remove].map((one) => one.url)
    return fail(
      `${urls.length} endpoints lead here, so each event comes ${urls.length} times: ${urls.join(', ')}`,
      FIX,
    )
  }
  const differences = base.differences.filter((one) => one !== UNMARKED)
  const [first] = differences
  return first === undefined ? ok(`${url}, ${sent}`) : fail(`${url} ${differences.join('; ')}`, FIX)
}
