import { addPast, GROWN } from './growth.ts'
import { openSettling } from './settling.ts'
import { memoryMib, openWorld, secondsOf, type Server, type World } from './world.ts'
import type { Kind } from './sender.ts'

/**
 * The benchmark, printed as a table. Everything in it is measured in one run on one Postgres, the servers in turn, so
 * that whatever else the machine does meets all of them: compare the rows of a run, not the figures of two.
 */
const isQuick = process.argv.includes('--quick')
const ROUNDS = isQuick ? 1 : 5
const SECONDS = isQuick ? 1 : 4
const SENDERS = isQuick ? [1, 32] : [1, 32, 128]
const SETTLED_IN_MS = isQuick ? 2_000 : 12_000
const IDLE_MS = isQuick ? 5_000 : 30_000
const WARM_UP = 8
const BACKLOG = isQuick ? 50 : 200
/** What a long night leaves behind. */
const GREAT_BACKLOG = 10_000
/** Parts of a whole run, to be had by themselves: `--only growth,idle`. */
const ONLY = readOnly(process.argv)

type Contender = { name: string; server: Server; kind: Kind }
type Round = { perSecond: number; p50: number; p99: number; micros: number; refused: number }

const write = (line = '') => void process.stdout.write(`${line}\n`)
const median = (values: number[]) =>
  values.toSorted((one, other) => one - other)[values.length >> 1] ?? Number.NaN
const spread = (values: number[], digits = 0) => {
  const sorted = values.toSorted((one, other) => one - other)
  const [low = 0, high = 0] = [sorted[0], sorted.at(-1)]
  return `${median(values).toFixed(digits)} (${low.toFixed(digits)}–${high.toFixed(digits)})`
}

async function measure(world: World, { server, kind }: Contender, senders: number): Promise<Round> {
  const spent = async () => (await secondsOf(server.pid)) + (await world.postgresSeconds())
  const before = await spent()
  const { acknowledged, ...measured } = await world.send({
    port: server.port,
    kind,
    senders,
    seconds: SECONDS,
  })
  const micros = (((await spent()) - before) / acknowledged) * 1e6
  return { ...measured, micros }
}

/** How many single inserts one connection commits in a second: what the disk allows. */
async function measureCommits(world: World) {
  const startedAt = performance.now()
  let count = 0
  for (; performance.now() - startedAt < SECONDS * 1_000; count += 1) {
    await world.sql`insert into plain_deliveries values (${crypto.randomUUID()}, ${Buffer.alloc(1_400)}, now())`
  }
  return count / SECONDS
}

async function benchAcknowledging(world: World, contenders: Contender[]) {
  write('| senders | server | acknowledged/s | p50 ms | p99 ms | µs of processor each | refused |')
  write('| --- | --- | --- | --- | --- | --- | --- |')
  for (const senders of SENDERS) {
    const rounds = new Map<string, Round[]>(contenders.map(({ name }) => [name, []]))
    for (let round = 0; round < ROUNDS; round += 1) {
      for (const one of contenders) rounds.get(one.name)?.push(await measure(world, one, senders))
    }
    for (const [name, own] of rounds) {
      const of = (key: keyof Round, digits = 0) =>
        spread(
          own.map((one) => one[key]),
          digits,
        )
      const refused = own.reduce((sum, one) => sum + one.refused, 0)
      write(
        `| ${senders} | ${name} | ${of('perSecond')} | ${of('p50', 2)} | ${of('p99', 2)} | ${of('micros')} | ${refused} |`,
      )
    }
  }
  write()
}

/** From the first of so many wakes of different invoices until the last is settled. */
async function benchDrain(world: World, { port }: Server) {
  await untilDrained(world)
  const startedAt = performance.now()
  await world.send({ port, kind: 'waking', senders: 8, count: BACKLOG })
  await untilDrained(world)
  const seconds = (performance.now() - startedAt) / 1_000
  write(
    `| ${BACKLOG} invoices woken, looked at and put away | ${seconds.toFixed(1)} s, ${(BACKLOG / seconds).toFixed(0)}/s |`,
  )
}

/** An invoice between services that answer at once: opened, paid and recorded, with nothing else to do; then many. */
async function benchSettling(world: World) {
  const settling = await openSettling(world)
  await settling.billAndPay(WARM_UP, { isNew: true })
  await settling.billAndPay(WARM_UP)
  for (const isNew of [false, true]) {
    const one = await settling.measureOne(isQuick ? 3 : 20, { isNew })
    const customer = isNew ? 'new customer' : 'known customer'
    write(
      `| one invoice opened, paid and recorded, ${customer} | ${one.processorMs.toFixed(0)} ms of the bridge's processor, ${one.transactions.toFixed(0)} transactions, ${one.toDodo.toFixed(1)} requests to Dodo, ${one.toLago.toFixed(1)} to Lago |`,
    )
    write(`| webhook to Dodo's request, ${customer}, p50 | ${median(one.toDodoMs).toFixed(0)} ms |`)
  }
  const { opened, recorded } = await settling.measureDrain(isQuick ? 30 : BACKLOG)
  write(
    `| ${isQuick ? 30 : BACKLOG} invoices at once | ${opened.toFixed(0)}/s opened, ${recorded.toFixed(0)}/s paid and recorded |`,
  )
  await settling.close()
}

/** Checkouts opened a second, by one replica and by three: between services that take 100 ms, and with very much to do. */
async function benchReplicas(world: World) {
  for (const [count, delayMs] of [
    [BACKLOG, 100],
    [GREAT_BACKLOG, 0],
  ] as const) {
    const drained: number[] = []
    for (const replicas of [1, 3]) {
      const settling = await openSettling(world, { delayMs, replicas })
      await settling.billAndPay(WARM_UP, { isNew: true })
      drained.push(await settling.measureOpening(count))
      await settling.close()
    }
    const [one = 0, three = 0] = drained
    write(
      `| ${count} invoices at once, answers of ${delayMs} ms | ${one.toFixed(0)}/s by one, ${three.toFixed(0)}/s by three replicas: ${(three / one).toFixed(1)}× |`,
    )
  }
}

/** Senders while nothing else is to be done, and while very much is. */
async function benchSendersFirst(world: World) {
  const settling = await openSettling(world)
  const [bridge] = settling.bridges
  if (!bridge) return
  await settling.billAndPay(WARM_UP, { isNew: true })
  const send = () =>
    world.send({ port: bridge.port, kind: 'stored', senders: 32, seconds: SECONDS * 2 })
  await send()
  const alone = await send()
  await settling.services.act('bill', { count: GREAT_BACKLOG })
  const beside = await send()
  write(
    `| 32 senders beside a backlog of ${GREAT_BACKLOG} invoices | ${(beside.perSecond / alone.perSecond).toFixed(2)}× the acknowledgements, p99 ${beside.p99.toFixed(1)} ms in place of ${alone.p99.toFixed(1)} |`,
  )
  await settling.close()
}

/** Whether what is long done makes anything slower. */
async function benchGrowth(world: World) {
  const measured: { perSecond: number; processorMs: number }[] = []
  for (const isGrown of [false, true]) {
    if (isGrown) await addPast(world.sql)
    const settling = await openSettling(world)
    await settling.billAndPay(WARM_UP, { isNew: true })
    await settling.billAndPay(WARM_UP)
    const { processorMs } = await settling.measureOne(20)
    const port = settling.bridges[0]?.port ?? 0
    const rounds: number[] = []
    for (let round = 0; round < ROUNDS; round += 1) {
      const load = { port, kind: 'stored', senders: 32, seconds: SECONDS } as const
      rounds.push((await world.send(load)).perSecond)
    }
    measured.push({ perSecond: median(rounds), processorMs })
    await settling.close()
  }
  const [before, after] = measured
  if (!before || !after) return
  write(
    `| with ${GROWN} deliveries and ${GROWN} invoices of before | ${(after.perSecond / before.perSecond).toFixed(2)}× the acknowledgements, ${(after.processorMs / before.processorMs).toFixed(2)}× the processor of one invoice |`,
  )
}

async function untilDrained(world: World) {
  for (;;) {
    const [row] = await world.sql<{ left: number }[]>`
      select count(*)::int as left from dodo_bridge.deliveries where processed_at is null`
    if (!row || row.left === 0) return
    await Bun.sleep(50)
  }
}

async function benchIdle(world: World, { pid }: Server) {
  await Bun.sleep(SETTLED_IN_MS)
  const [ended, spent] = [await world.transactions(), await secondsOf(pid)]
  await Bun.sleep(IDLE_MS)
  const seconds = IDLE_MS / 1_000
  const transactions = ((await world.transactions()) - ended) / seconds
  const percent = (((await secondsOf(pid)) - spent) / seconds) * 100
  write(
    `| idle | ${percent.toFixed(2)} % of a core, ${transactions.toFixed(1)} transactions/s, ${(await memoryMib(pid)).toFixed(0)} MiB |`,
  )
}

async function benchStart(world: World) {
  const ready: { bridge: number[]; plain: number[] } = { bridge: [], plain: [] }
  for (let round = 0; round < Math.max(3, ROUNDS); round += 1) {
    for (const [name, start] of [
      ['bridge', world.startBridge],
      ['plain', () => world.startPlain('insert')],
    ] as const) {
      const server = await start()
      ready[name].push(server.readyMs)
      await server.stop()
    }
  }
  write(
    `| ready, with a database that is there | ${spread(ready.bridge)} ms; the plain server ${spread(ready.plain)} ms |`,
  )
}

async function benchSenders(world: World) {
  write(`Inserts that one connection commits: ${(await measureCommits(world)).toFixed(0)}/s\n`)
  const plain = {
    verify: await world.startPlain('verify'),
    insert: await world.startPlain('insert'),
    group: await world.startPlain('group'),
  }
  const bridge = await world.startBridge()
  const fresh = await memoryMib(bridge.pid)
  await benchAcknowledging(world, [
    { name: 'plain: verifies', server: plain.verify, kind: 'stored' },
    { name: 'plain: verifies and inserts', server: plain.insert, kind: 'stored' },
    { name: 'plain: inserts what waits together', server: plain.group, kind: 'stored' },
    { name: 'bridge: only stored', server: bridge, kind: 'stored' },
    { name: 'bridge: wakes an invoice', server: bridge, kind: 'waking' },
    { name: 'bridge: payment.succeeded', server: bridge, kind: 'dodo' },
  ])
  for (const one of Object.values(plain)) await one.stop()
  write('| | |\n| --- | --- |')
  write(
    `| memory | ${fresh.toFixed(0)} MiB when ready, ${(await memoryMib(bridge.pid)).toFixed(0)} MiB after the load |`,
  )
  await bridge.stop()
  // Tens of thousands of invoices that were woken, and that nobody waits for.
  await world.sql`truncate dodo_bridge.deliveries, dodo_bridge.unrouted`
  await world.sql`delete from pgboss.job`
}

async function benchQuiet(world: World) {
  const quiet = await world.startBridge()
  await benchDrain(world, quiet)
  await benchIdle(world, quiet)
  await quiet.stop()
}

/** In the order in which they are measured; the past, which stays, comes last. */
const PARTS: Record<string, (world: World) => Promise<void>> = {
  senders: benchSenders,
  start: benchStart,
  settling: benchSettling,
  replicas: benchReplicas,
  first: benchSendersFirst,
  idle: benchQuiet,
  growth: benchGrowth,
}
const IN_QUICK = ['senders', 'start', 'settling', 'idle']

function readOnly(args: readonly string[]): string[] | undefined {
  const at = args.indexOf('--only')
  return at < 0 ? undefined : (args[at + 1] ?? '').split(',')
}

const names = Object.keys(PARTS)
const unknown = ONLY?.filter((name) => !names.includes(name)) ?? []
if (unknown.length > 0) {
  process.stderr.write(`--only takes some of ${names.join(', ')}; not ${unknown.join(', ')}\n`)
  process.exit(2)
}
const world = await openWorld()
try {
  await (await world.startBridge()).stop()
  for (const name of ONLY ?? (isQuick ? IN_QUICK : names)) await PARTS[name]?.(world)
} finally {
  await world.close()
}
process.exit(0)
