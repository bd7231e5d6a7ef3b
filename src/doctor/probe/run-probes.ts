import type { Config } from '../../config.ts'
import { withDeadline } from '../../deadline.ts'
import type { Diagnosis } from '../run.ts'
import { WIDTH, wrap, writeDiagnoses } from '../text.ts'
import { messageOf } from '../../errors.ts'
import type { Write } from '../../print/text.ts'
import { identify } from '../../setup/identify.ts'
import { explainRefusal } from '../../setup/explain-refusal.ts'
import { openServices } from '../../setup/services.ts'
import type { Fetch } from '../../vendor-fetch.ts'
import { DODO_PROBES } from './dodo-probes.ts'
import { LAGO_PROBES } from './lago-probes.ts'
import { openLab, type Lab } from './lab.ts'
import { takeUpLeftovers } from './leftovers.ts'
import { unknown, type Answer, type Probe } from './probe.ts'

/** All together; each has a fifth of it at most. */
const ALL_MS = 5 * 60_000
const EACH_MS = 60_000
const USAGE = 2

/** In the order in which they are asked. */
export const PROBES: readonly Probe[] = [...DODO_PROBES, ...LAGO_PROBES]

const LEGEND =
  'ok: as the bridge assumes. warn: otherwise. skip: nothing could be seen. What was made is removed, or named above.'

/** What only a card in a browser, or a bank, can answer. */
const NEEDS_A_CARD =
  'Not asked, since they need a card in a browser: whether a charge on hold is refused, what a mandate leaves behind, ' +
  'whether a second try keeps its payment id, how a dispute’s amount is written, and how long a list lags behind.'

export type ProbeOptions = { isAgreed?: boolean; isJson?: boolean; isColoured?: boolean }
export type ProbeIo = {
  config: Config
  fetch: Fetch
  now: () => Date
  write: Write
  ask?: ((question: string) => Promise<boolean>) | undefined
  /** Ends it early; what was made is removed all the same. */
  stop?: AbortSignal
}

/**
 * Asks both services what nobody could find out without an account, in test mode only, and tells what was seen beside
 * what the bridge assumes. The exit code is 0 whatever was seen, 1 if something could not be removed again, and 2
 * where nothing was asked.
 */
export async function probe(options: ProbeOptions, io: ProbeIo): Promise<number> {
  const { config, write } = io
  if (config.dodo.environment === 'live') {
    write(
      'The probe makes products and webhook endpoints, and is for test mode only: DODO_ENVIRONMENT is live. Nothing was asked.',
    )
    return USAGE
  }
  const whose = await introduce(io)
  if (whose === undefined) return 1
  if (!options.isJson) for (const line of whose) write(line)
  if (!options.isAgreed && !(await isAgreedTo(io))) return USAGE

  const limit = AbortSignal.timeout(ALL_MS)
  const signal = io.stop ? AbortSignal.any([limit, io.stop]) : limit
  const lab = openLab({ ...io, signal })
  const diagnoses: Diagnosis[] = []
  try {
    await takeUpLeftovers(lab).catch(() => 0)
    for (const one of PROBES) diagnoses.push(asDiagnosis(one, await answerOf(one, lab, signal)))
  } finally {
    const left = await lab.clear()
    if (left.length > 0) diagnoses.push(leftBehind(left))
  }
  if (options.isJson) write(JSON.stringify(asTable(io, whose, diagnoses), undefined, 2))
  else {
    writeDiagnoses(diagnoses, { write, isQuiet: false, isColoured: options.isColoured ?? false })
    for (const line of [...wrap(LEGEND, WIDTH), ...wrap(NEEDS_A_CARD, WIDTH)]) write(line)
  }
  return diagnoses.some(({ verdict }) => verdict === 'fail') ? 1 : 0
}

async function introduce({ config, fetch, now, write }: ProbeIo): Promise<string[] | undefined> {
  const services = openServices(config, { fetch, now })
  try {
    const { organization, business } = await identify(services, { config, fetch })
    return [
      `Lago    ${config.lago.url}, organisation ${organization}, ${services.lago.release.number() ?? 'of unknown release'}`,
      `Dodo    ${config.dodo.environment} mode, business ${business}`,
    ]
  } catch (error) {
    write(explainRefusal(error))
    return undefined
  } finally {
    services.close()
  }
}

async function isAgreedTo({ ask, write }: ProbeIo): Promise<boolean> {
  write(
    'It makes up to four products in Dodo, and archives them; up to five webhook endpoints that nothing is sent to, and ' +
      'removes them; and reads. No checkout is opened, and nothing is charged. It takes less than five minutes.',
  )
  if (ask) return ask('Go on? [y/N] ')
  write('Nothing was asked. Run it again with --yes.')
  return false
}

async function answerOf({ id, run }: Probe, lab: Lab, signal: AbortSignal): Promise<Answer> {
  if (signal.aborted) return unknown('not asked: there was no time left')
  return withDeadline(id, EACH_MS, run(lab)).catch((error: unknown) => unknown(messageOf(error)))
}

const asDiagnosis = ({ id, asks, assumed }: Probe, { seen, isAsAssumed }: Answer): Diagnosis => ({
  id,
  verdict: isAsAssumed === undefined ? 'skip' : isAsAssumed ? 'ok' : 'warn',
  evidence: `${asks}\nseen: ${seen}\nassumed: ${assumed}`,
})

const leftBehind = (left: readonly string[]): Diagnosis => ({
  id: 'left behind',
  verdict: 'fail',
  evidence: left.join('\n'),
  fix: 'run it again, which removes what is left, or remove it by hand',
})

const asTable = ({ now }: ProbeIo, whose: readonly string[], diagnoses: readonly Diagnosis[]) => ({
  askedAt: now().toISOString(),
  services: whose,
  answers: diagnoses.map(({ id, verdict, evidence }) => {
    const [asks = '', seen = '', assumed = ''] = evidence.split('\n')
    return {
      id,
      verdict,
      asks,
      seen: seen.replace('seen: ', ''),
      assumed: assumed.replace('assumed: ', ''),
    }
  }),
})
