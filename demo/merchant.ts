import { z } from 'zod'

import { StepFailed } from './narrator.ts'
import type { Stage } from './stage.ts'

type Service = 'lago' | 'dodo'

const OpenCheckout = z.object({
  sessionId: z.string(),
  metadata: z.record(z.string(), z.string()),
})
const OpenCheckouts = z.object({ open: z.array(OpenCheckout) })
export type OpenCheckout = z.infer<typeof OpenCheckout>

export type Merchant = ReturnType<typeof createMerchant>

/** What a merchant and a customer do and see, through nothing but the HTTP of both services. */
export function createMerchant({ lagoUrl, dodoUrl, keys }: Stage) {
  const urls = { lago: lagoUrl, dodo: dodoUrl }

  /** Presses a button of a service's own pages. */
  const press = async <Shape extends z.ZodType>(
    service: Service,
    path: string,
    fields: object,
    shape: Shape,
  ) =>
    readJson(
      `${urls[service]}/sandbox${path}`,
      {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify(fields),
      },
      shape,
    )

  /** Asks a service's API, with a key. */
  const ask = async <Shape extends z.ZodType>(service: Service, path: string, shape: Shape) => {
    const base = service === 'lago' ? `${lagoUrl}/api/v1` : dodoUrl
    return readJson(
      `${base}${path}`,
      { headers: { Authorization: `Bearer ${keys[service]}` } },
      shape,
    )
  }

  /** Dodo has no API that lists checkouts; its sandbox does. */
  const listOpenCheckouts = async (): Promise<OpenCheckout[]> =>
    (await readJson(`${dodoUrl}/sandbox/sessions`, {}, OpenCheckouts)).open

  const checkoutUrl = (sessionId: string) => `${dodoUrl}/session/${sessionId}`

  const loseWebhooks = async (lose: boolean) => {
    await press('lago', '/network', { lose }, z.looseObject({}))
    await press('dodo', '/network', { lose }, z.looseObject({}))
  }

  async function countLostWebhooks(): Promise<number> {
    const shape = z.object({
      log: z.array(z.object({ status: z.union([z.number(), z.string()]) })),
    })
    const logs = await Promise.all(
      [lagoUrl, dodoUrl].map((url) => readJson(`${url}/sandbox/network`, {}, shape)),
    )
    return logs.flatMap(({ log }) => log).filter(({ status }) => status === 'lost').length
  }

  return {
    press,
    ask,
    listOpenCheckouts,
    checkoutUrl,
    loseWebhooks,
    countLostWebhooks,
  }
}

/** The amount that the customer is asked for on the hosted page. */
export async function readAskedAmount(url: string): Promise<string> {
  const page = await readText(url)
  return /<div class="amount">(.*?)<\/div>/.exec(page)?.[1] ?? 'no amount'
}

/** Where a pay link sends a browser. */
export async function followPayLink(url: string): Promise<string> {
  const response = await fetch(url, { redirect: 'manual' })
  await response.body?.cancel()
  const target = response.headers.get('location')
  if (response.status !== 302 || !target) {
    throw new StepFailed(`${url} leads to a checkout`, `it answers ${response.status}`)
  }
  return target
}

/** Fills in the hosted page and sends it off, as a browser does; where that leads is returned. */
export async function submitCheckout(url: string, fields: Record<string, string>): Promise<string> {
  const body = new URLSearchParams(fields)
  const response = await fetch(url, { method: 'POST', body, redirect: 'manual' })
  await response.body?.cancel()
  const target = response.headers.get('location')
  if (response.status === 303 && target) return new URL(target, url).href
  throw new StepFailed(`${url} takes ${body.toString()}`, `it answers ${response.status}`)
}

async function readJson<Shape extends z.ZodType>(
  url: string,
  init: RequestInit,
  shape: Shape,
): Promise<z.infer<Shape>> {
  const text = await readText(url, init)
  return shape.parse(JSON.parse(text))
}

async function readText(url: string, init: RequestInit = {}): Promise<string> {
  const response = await fetch(url, init)
  const text = await response.text()
  if (response.ok) return text
  throw new StepFailed(`${init.method ?? 'GET'} ${url} succeeds`, `${response.status} ${text}`)
}
