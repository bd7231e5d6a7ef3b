/** @jsxImportSource hono/jsx */
import type { Context } from 'hono'
import { Hono } from 'hono'
import { z } from 'zod'
import type { Caller } from './caller.ts'
import type { Courier } from './courier.ts'
import { FAULT_KINDS, type Faults } from './faults.ts'
import { Act, Input, Select } from './page.tsx'

/** A truth as a form sends it. */
export const flag = z.preprocess(
  (value) => (typeof value === 'string' ? ['true', 'on', '1'].includes(value) : value),
  z.boolean(),
)
const MAX_SHOWN_LENGTH = 300
const count = z.coerce.number().int().min(0)
/** A form sends an empty text for a field left blank. */
export const blankless = <T extends z.ZodType>(schema: T) =>
  z.preprocess((value) => (value === '' ? undefined : value), schema.optional())

const NetworkPatch = z.strictObject({
  lose: flag.optional(),
  double: flag.optional(),
  reorder: flag.optional(),
  delayMs: blankless(count),
})

const FaultInput = z.strictObject({
  kind: z.enum(FAULT_KINDS),
  status: blankless(count),
  ms: blankless(count),
  times: blankless(count.min(1)),
  probability: blankless(z.coerce.number().min(0).max(1)),
  method: blankless(z.string()),
  path: blankless(z.string()),
  match: z.strictObject({ method: z.string(), path: z.string() }).partial().optional(),
})

const CallsPatch = z.strictObject({
  loseAnswers: flag.optional(),
  loseCalls: flag.optional(),
  double: flag.optional(),
  delayMs: blankless(count),
})

/** What of a service can be spoilt; not every one sends webhooks, or waits for answers. */
type Spoilt = { faults: Faults; courier?: Courier | undefined; caller?: Caller | undefined }

/** The switches of one service over HTTP: its faults, and the network its webhooks and calls travel. */
export function switchRoutes({ faults, courier, caller }: Spoilt) {
  return faultRoutes(faults)
    .route('/', courier ? networkRoutes(courier) : new Hono())
    .route('/', caller ? callRoutes(caller) : new Hono())
}

function faultRoutes(faults: Faults) {
  return new Hono()
    .get('/faults', (c) => c.json(faults.list()))
    .post('/faults', async (c) => {
      const { kind, method, path, match, ...numbers } = await readInput(c, FaultInput)
      faults.add({ kind, ...numbers, match: match ?? { method, path } })
      return done(c, faults.list())
    })
    .delete('/faults', (c) => {
      faults.clear()
      return c.json([])
    })
    .post('/faults/clear', (c) => {
      faults.clear()
      return done(c, [])
    })
}

function networkRoutes(courier: Courier) {
  return new Hono()
    .get('/network', (c) => c.json({ ...courier.switches, log: courier.log }))
    .post('/network', async (c) => {
      const { switches } = courier
      const patch = await readInput(c, NetworkPatch)
      switches.lose = patch.lose ?? switches.lose
      switches.double = patch.double ?? switches.double
      switches.reorder = patch.reorder ?? switches.reorder
      switches.delayMs = patch.delayMs ?? switches.delayMs
      return done(c, switches)
    })
}

function callRoutes(caller: Caller) {
  return new Hono()
    .get('/calls', (c) => c.json({ ...caller.switches, log: caller.log }))
    .post('/calls', async (c) => {
      const given = Object.entries(await readInput(c, CallsPatch))
      const patch = Object.fromEntries(given.filter(([, value]) => value !== undefined))
      return done(c, Object.assign(caller.switches, patch))
    })
}

/** The same switches as a part of an operator's page. */
export function Switches({ faults, courier, caller, at }: Spoilt & { at: string }) {
  return (
    <section>
      {courier && <Network courier={courier} at={at} />}
      {caller && <Calls caller={caller} at={at} />}
      <h2>API faults</h2>
      {faults.list().map((rule) => (
        <p>
          <code>{JSON.stringify(rule)}</code>
        </p>
      ))}
      <Act to={`${at}/faults`} label="Add">
        <Select label="kind" name="kind">
          {FAULT_KINDS.map((kind) => (
            <option>{kind}</option>
          ))}
        </Select>
        <Input label="status" name="status" digits="numeric" />
        <Input label="ms" name="ms" digits="numeric" />
        <Input label="times" name="times" digits="numeric" />
        <Input label="method" name="method" isShort />
        <Input label="path" name="path" isShort />
      </Act>
      <Act to={`${at}/faults/clear`} label="Clear all" />
    </section>
  )
}

function Network({ courier, at }: { courier: Courier; at: string }) {
  const { lose, double, reorder, delayMs } = courier.switches
  return (
    <>
      <h2>Webhooks</h2>
      <Toggle to={`${at}/network`} name="lose" on={lose} label="lose them" />
      <Toggle to={`${at}/network`} name="double" on={double} label="send each twice" />
      <Toggle to={`${at}/network`} name="reorder" on={reorder} label="change their order" />
      <Act to={`${at}/network`} label="Delay by ms">
        <Input label="ms" name="delayMs" value={delayMs} digits="numeric" />
      </Act>
      <div class="scroll">
        <table>
          {courier.log.slice(-10).map((entry) => (
            <tr>
              <td>{entry.at.toISOString()}</td>
              <td>{entry.type}</td>
              <td>attempt {entry.attempt}</td>
              <td>{entry.status}</td>
            </tr>
          ))}
        </table>
      </div>
    </>
  )
}

function Calls({ caller, at }: { caller: Caller; at: string }) {
  const { loseAnswers, loseCalls, double, delayMs } = caller.switches
  return (
    <>
      <h2>Calls to the provider</h2>
      <Toggle to={`${at}/calls`} name="loseAnswers" on={loseAnswers} label="lose the answers" />
      <Toggle to={`${at}/calls`} name="loseCalls" on={loseCalls} label="lose the calls" />
      <Toggle to={`${at}/calls`} name="double" on={double} label="make each twice" />
      <Act to={`${at}/calls`} label="Delay calls by ms">
        <Input label="ms" name="delayMs" value={delayMs} digits="numeric" />
      </Act>
      <div class="scroll">
        <table>
          {caller.log.slice(-10).map((entry) => (
            <tr>
              <td>{entry.at.toISOString()}</td>
              <td>{entry.url}</td>
              <td>{entry.status}</td>
              <td>
                <code>{entry.answer.slice(0, MAX_SHOWN_LENGTH)}</code>
              </td>
            </tr>
          ))}
        </table>
      </div>
    </>
  )
}

/** One button that starts something, or stops it. */
export function Toggle(props: { to: string; name: string; on: boolean; label: string }) {
  const label = props.on ? `Stop: ${props.label}` : `Start: ${props.label}`
  return <Act to={props.to} label={label} fields={{ [props.name]: String(!props.on) }} />
}

/** Reads what a button or a program sent: a form or JSON, checked alike. */
export async function readInput<T>(c: Context, schema: z.ZodType<T>): Promise<T> {
  if (isForm(c)) return schema.parse(await c.req.parseBody())
  const text = await c.req.text()
  return schema.parse(text === '' ? {} : JSON.parse(text))
}

/** Sends a person back to the page, and gives a program the result. */
export function done(c: Context, result: object): Response {
  return isForm(c) ? c.redirect(c.req.header('referer') ?? '/sandbox', 303) : c.json(result)
}

function isForm(c: Context): boolean {
  return c.req.header('content-type')?.startsWith('application/x-www-form-urlencoded') ?? false
}
