import { connect } from 'node:tls'

import { PROBE_ID } from '../inbox/refused.ts'
import { findUnreachable } from '../setup/identify.ts'
import { endpointUrl } from '../setup/plan-endpoint.ts'
import { fail, ok, skip, warn, type Check, type Finding } from './check.ts'
import type { Patient } from './patient.ts'
import { sign } from './sign.ts'

const ANSWER_MS = 8_000
const DAY_MS = 24 * 3_600_000
const WARN_DAYS = 14
/** More than a proxy takes by default (nginx: 1 MiB), less than an invoice may be. */
const LARGE_BYTES = 2 * 1024 * 1024
const FROM_THERE = 'start the bridge; if it runs, look at DNS, the proxy and the firewall'

export const publicUrl: Check = {
  id: 'public_url',
  async run(patient) {
    const { config, isPublicUrlGiven } = patient
    if (!isPublicUrlGiven) {
      return fail(
        'PUBLIC_URL is not set: pay links and webhooks lead to localhost',
        'set PUBLIC_URL to the https address of the bridge',
      )
    }
    const unreachable = findUnreachable(config)
    if (unreachable)
      return fail(
        unreachable,
        'a tunnel gives this machine such an address: npx localtunnel --port 3000',
      )
    const startedAt = performance.now()
    const response = await visit(patient, `${config.publicUrl}/health`)
    if ('problem' in response) {
      return fail(`${config.publicUrl}/health does not answer: ${response.problem}`, FROM_THERE)
    }
    const ms = Math.round(performance.now() - startedAt)
    const daysLeft = config.publicUrl.startsWith('https:')
      ? await daysOfCertificate(new URL(config.publicUrl), patient.now())
      : undefined
    return judge(config.publicUrl, response, { ms, daysLeft })
  },
}

function judge(
  url: string,
  { status, location, text }: Answered,
  { ms, daysLeft }: { ms: number; daysLeft: number | undefined },
): Finding {
  if (status >= 300 && status < 400) {
    return fail(
      `${url} redirects (${status}) to ${location ?? 'nowhere'}: webhooks are not redirected`,
      'set PUBLIC_URL to the address that it leads to, and run `bridge setup`',
    )
  }
  if (status !== 200 || !text.includes('"ok":true')) {
    return fail(
      `${url}/health answers ${status}, and not as the bridge does`,
      'let the proxy pass everything below PUBLIC_URL on to the bridge',
    )
  }
  const seen = `${url} answers from here in ${ms} ms`
  if (url.startsWith('http:')) {
    return warn(
      `${seen}, without TLS`,
      'set PUBLIC_URL to an https address: in live mode it must be one',
    )
  }
  if (daysLeft === undefined) return ok(seen)
  const evidence = `${seen}, its certificate is good for ${daysLeft} days`
  return daysLeft < WARN_DAYS ? warn(evidence, 'renew the certificate') : ok(evidence)
}

export const bodyLimit: Check = {
  id: 'body_limit',
  needs: ['public_url'],
  async run(patient) {
    const { config } = patient
    const response = await visit(
      patient,
      endpointUrl({ publicUrl: config.publicUrl, path: '/webhooks/lago' }),
      {
        method: 'POST',
        // Shaped like a signature, so that the whole of the body is read before it is refused.
        headers: {
          'content-type': 'application/json',
          'x-lago-unique-key': `${PROBE_ID}large`,
          'x-lago-signature':
            config.lago.signature === 'hmac' ? Buffer.alloc(32).toString('base64') : 'a.b.c',
        },
        body: `{"padding":"${'x'.repeat(LARGE_BYTES)}"}`,
      },
    )
    if ('problem' in response) {
      return fail(
        `a webhook of 2 MiB is cut off: ${response.problem}`,
        'let the proxy take bodies of 32 MiB',
      )
    }
    const { status } = response
    if (status === 401) return ok('a webhook of 2 MiB arrives')
    if (status === 413) {
      return fail(
        'a webhook of 2 MiB is answered 413: invoices of heavy usage are as large',
        'let the proxy take bodies of 32 MiB (nginx: client_max_body_size 32m)',
      )
    }
    return fail(
      `an unsigned webhook is answered ${status}, and should be 401`,
      'let the proxy pass POST /webhooks/lago on to the bridge',
    )
  },
}

export const proxyBody: Check = {
  id: 'proxy_body',
  needs: ['public_url'],
  async run(patient) {
    const plain = await deliver(patient, 'plain', '{"type":"bridge.doctor","data":{}}')
    // A number, an escape and blanks that come out otherwise where a proxy reads the JSON and writes it anew.
    const odd = await deliver(
      patient,
      'odd',
      '{ "type":"bridge.doctor", "data":{"n":1.0,"e":"\\u00e9\\/"} }',
    )
    if (plain === 200 && odd === 200) return ok('a signed webhook arrives as it was sent')
    if (plain === 200 && odd === 401) {
      return fail(
        'a signed webhook is changed on its way: its signature does not hold there',
        'turn off what rewrites JSON in the proxy or firewall before the bridge',
      )
    }
    if (plain === 401) {
      return fail(
        'the bridge at PUBLIC_URL refuses a webhook signed with DODO_WEBHOOK_SECRET: it runs with other settings than these, or another clock',
        'restart it with these settings; is it this bridge that PUBLIC_URL leads to?',
      )
    }
    const seen = plain ?? odd
    if (seen === undefined) return skip('no answer')
    return fail(
      `a signed webhook is answered ${seen}, and should be 200`,
      'look at the log of the bridge',
    )
  },
}

/** The status that a signed event of a private type is answered with. The same ones are sent each time, and kept once. */
async function deliver(patient: Patient, name: string, body: string): Promise<number | undefined> {
  const { config, now } = patient
  const id = `${PROBE_ID}${name}`
  const [secret = ''] = config.dodo.webhookSecrets
  const response = await visit(
    patient,
    endpointUrl({ publicUrl: config.publicUrl, path: '/webhooks/dodo' }),
    {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...sign({ secret, id, at: now(), body }) },
      body,
    },
  )
  return 'problem' in response ? undefined : response.status
}

type Answered = { status: number; location: string | null; text: string }

async function visit(
  { fetch }: Patient,
  url: string,
  init: RequestInit = {},
): Promise<Answered | { problem: string }> {
  try {
    const signal = AbortSignal.timeout(ANSWER_MS)
    const response = await fetch(url, { ...init, redirect: 'manual', signal })
    const text = (await response.text()).slice(0, 200)
    return { status: response.status, location: response.headers.get('location'), text }
  } catch (error) {
    return { problem: explainNetwork(error) }
  }
}

function explainNetwork(error: unknown): string {
  const { name, code, message } = error as { name?: string; code?: string; message?: string }
  if (name === 'TimeoutError') return `nothing within ${ANSWER_MS / 1_000} s`
  return [message, code].filter(Boolean).join(' ')
}

/** As the server shows it; whether it is trusted, the visit has shown. */
function daysOfCertificate({ hostname, port }: URL, now: Date): Promise<number | undefined> {
  const { promise, resolve } = Promise.withResolvers<number | undefined>()
  const socket = connect(
    { host: hostname, servername: hostname, port: Number(port || 443), timeout: ANSWER_MS },
    () => {
      const until = Date.parse(socket.getPeerCertificate().valid_to)
      resolve(Number.isNaN(until) ? undefined : Math.floor((until - now.getTime()) / DAY_MS))
      socket.end()
    },
  )
  socket
    .on('error', () => resolve(undefined))
    .on('timeout', () => socket.destroy())
    .on('close', () => resolve(undefined))
  return promise
}
