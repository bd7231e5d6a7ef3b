import { OpenAPIHono, z, type RouteConfig } from '@hono/zod-openapi'

import { OUTCOMES } from '../../deliveries/filter.ts'
import { VERSION } from '../../version.ts'
import { Bulk, DeadQuery, DeliveryQuery, Forgetting } from '../deliveries.ts'
import * as shapes from './shapes.ts'

type Described = {
  summary: string
  query?: z.ZodObject
  body?: z.ZodObject
  answers: z.ZodType
  status?: 200 | 202
  /** It does something: the viewer's token is refused, and a key makes it once. */
  isAct?: boolean
}

const Loose = z.looseObject({})
const Delivery = z.looseObject({
  source: z.string(),
  deliveryId: z.string(),
  event: z.string(),
  receivedAt: z.iso.datetime(),
  outcome: z.enum(OUTCOMES),
})
const DeadLetter = z.looseObject({ kind: z.string(), key: z.string(), error: z.string() })
const listOf = (item: z.ZodType) =>
  z.looseObject({ items: z.array(item), next: z.string().nullable() })

/** Every route under `/api` that the operator's tokens open. */
export const DESCRIBED: Readonly<Record<string, Described>> = {
  'GET /api/invoices': {
    summary: 'Invoices, the newest first',
    query: shapes.InvoiceQuery,
    answers: shapes.Invoices,
  },
  'GET /api/invoices/{id}': {
    summary: 'What the bridge knows of one invoice, by Lago’s id or its number',
    answers: shapes.Invoice,
  },
  'POST /api/invoices/{id}/look': {
    summary: 'Has it looked at again',
    answers: shapes.Acted,
    isAct: true,
  },
  'POST /api/invoices/{id}/collect': {
    summary: 'Asks for the money now, as Retry payment in Lago does',
    answers: shapes.Acted,
    isAct: true,
  },
  'POST /api/invoices/{id}/seen': {
    summary: 'Notes that somebody has looked at what needs a person',
    body: shapes.SeenBody,
    answers: shapes.Acted,
    isAct: true,
  },
  'POST /api/payments/{dodoPaymentId}/refund': {
    summary: 'Gives back what of a payment no invoice takes',
    answers: shapes.Acted,
    isAct: true,
  },
  'GET /api/customers': {
    summary: 'Customers, by id',
    query: shapes.CustomerQuery,
    answers: shapes.Customers,
  },
  'GET /api/customers/{id}': {
    summary: 'What the bridge knows of a customer, and where they save a card',
    answers: shapes.Customer,
  },
  'POST /api/customers/{id}/links': {
    summary: 'Another link to save a card: the old one answers 404',
    answers: shapes.Customer,
    isAct: true,
  },
  'GET /api/deliveries': {
    summary: 'Webhooks whose signature was right, the newest first',
    query: DeliveryQuery,
    answers: listOf(Delivery),
  },
  'GET /api/deliveries/refused': {
    summary: 'Those of the last day that were not signed as they should be, the newest first',
    answers: listOf(
      z.object({
        source: z.string(),
        at: z.iso.datetime(),
        from: z.string().describe('Whoever connected, and for whom, as a proxy says'),
        reason: z.string(),
      }),
    ),
  },
  'GET /api/deliveries/{source}/{deliveryId}': {
    summary: 'One of them; its body for ADMIN_TOKEN only',
    answers: Delivery,
  },
  'POST /api/deliveries/{source}/{deliveryId}/replay': {
    summary: 'Puts one through again; nothing is done twice by that',
    answers: Loose,
    isAct: true,
  },
  'POST /api/deliveries/replay': {
    summary: 'The same for all that match',
    body: Bulk,
    answers: Loose,
    isAct: true,
  },
  'GET /api/attention': {
    summary: 'What a person must look at, the oldest first',
    query: shapes.AttentionQuery,
    answers: shapes.AttentionList,
  },
  'GET /api/dead-letters': {
    summary: 'Jobs that gave up',
    query: DeadQuery,
    answers: listOf(DeadLetter),
  },
  'POST /api/dead-letters/redrive': {
    summary: 'Runs them again',
    body: DeadQuery,
    answers: Loose,
    isAct: true,
  },
  'POST /api/dead-letters/forget': {
    summary: 'Puts them away without running them',
    body: Forgetting,
    answers: Loose,
    status: 200,
    isAct: true,
  },
  'GET /api/refunds': {
    summary: 'Money that went back, goes back or could not, the newest first',
    query: shapes.RefundQuery,
    answers: shapes.Refunds,
  },
  'GET /api/disputes': {
    summary: 'What is disputed, those to be answered first',
    query: shapes.DisputeQuery,
    answers: shapes.Disputes,
  },
  'GET /api/statement': {
    summary:
      'Both ledgers of a period side by side; CSV to who accepts text/csv; 202 while it is made',
    query: shapes.StatementQuery,
    answers: shapes.StatementAnswer,
  },
  'GET /api/statement/kept': {
    summary:
      'What Dodo keeps of a period: fees, tax, payouts; CSV to who accepts text/csv; 202 while it is made',
    query: shapes.KeptQuery,
    answers: shapes.KeptAnswer,
  },
  'GET /api/health': {
    summary: 'The checks of `bridge doctor`, from inside, at most once a minute',
    answers: shapes.Health,
  },
}

const json = (schema: z.ZodType) => ({ content: { 'application/json': { schema } } })
const failing = (description: string) => ({ description, ...json(shapes.ErrorAnswer) })

/** The description in OpenAPI 3.1, made from the schemas that check what is sent. */
export function describeApi(publicUrl: string) {
  const app = new OpenAPIHono()
  const { openAPIRegistry: registry } = app
  registry.registerComponent('securitySchemes', 'token', {
    type: 'http',
    scheme: 'bearer',
    description: 'ADMIN_TOKEN; VIEWER_TOKEN for whatever is read',
  })
  for (const [route, described] of Object.entries(DESCRIBED))
    registry.registerPath(asRoute(route, described))
  return app.getOpenAPI31Document({
    openapi: '3.1.0',
    info: {
      title: 'Dodo Payments bridge',
      version: VERSION,
      description:
        'What operators see and do, for programs. Amounts are integers of minor units. Lists answer `{"items", "next"}`, errors `{"error"}`.',
    },
    servers: [{ url: publicUrl }],
  })
}

function asRoute(route: string, described: Described): RouteConfig {
  const { summary, query, body, answers, isAct = false, status = isAct ? 202 : 200 } = described
  const [method = '', path = ''] = route.split(' ')
  const names = Array.from(path.matchAll(/\{(\w+)\}/g), ([, name = '']) => name)
  const headers = z.object({
    'idempotency-key': z
      .string()
      .max(255)
      .optional()
      .describe('Sent again with the same key it is done once; kept for more than 24 h'),
  })
  return {
    method: method === 'POST' ? 'post' : 'get',
    path,
    summary,
    security: [{ token: [] }],
    request: {
      ...(names.length > 0 && {
        params: z.object(Object.fromEntries(names.map((name) => [name, z.string()]))),
      }),
      ...(query && { query }),
      ...(body && { body: json(body) }),
      ...(isAct && answers === shapes.Acted && { headers }),
    },
    responses: {
      [status]: { description: summary, ...json(answers) },
      400: failing('What was sent cannot be taken; it says which field'),
      401: failing('No token, or a wrong one'),
      ...(isAct && { 403: failing('VIEWER_TOKEN may only look') }),
      ...(names.length > 0 && { 404: failing('The bridge knows no such thing') }),
      ...(isAct && { 409: failing('It cannot be done now; it says why') }),
      503: failing('Not now, please try again'),
    },
  }
}
