import { sql } from 'drizzle-orm'

import { isCall, tap } from '../support/tap.ts'
import { LAGO_KEY, openWorld, type World } from '../support/world.ts'

const PER_PAGE = 100
const LIST = 'http://lago.test/api/v1/invoices'

/** What Lago answers for one page of so many unpaid invoices, without keeping or sorting them. */
function answerPages(world: World, shown: object, many: number) {
  let pages = 0
  tap(world, 'lago', async (request, go) => {
    const query = new URL(request.url).searchParams
    if (!isCall(request, 'GET', /\/invoices$/)) return go()
    const isYoung = query.has('issuing_date_from')
    const page = Number(query.get('page') ?? 1)
    const left = isYoung ? 0 : Math.max(0, many - (page - 1) * PER_PAGE)
    const invoices = Array.from({ length: Math.min(left, PER_PAGE) }, (_, nth) => {
      const number = (page - 1) * PER_PAGE + nth
      const lago_id = `00000000-0000-4000-8000-${String(number).padStart(12, '0')}`
      return { ...shown, lago_id, number: `OLD-${number}`, issuing_date: '2020-01-31' }
    })
    pages += 1
    const meta = { current_page: page, next_page: left > PER_PAGE ? page + 1 : null }
    return Response.json({ invoices, meta })
  })
  return () => pages
}

/** One whole sweep of a new installation before a Lago with so many old, unpaid invoices: time and memory. */
async function measure(many: number) {
  const world = await openWorld({ env: { COLLECT_SINCE: '2021-01-01' } })
  await world.inSilence(() => world.bill(5_000))
  const headers = { Authorization: `Bearer ${LAGO_KEY}` }
  const listed = await world.lago.fetch(new Request(LIST, { headers }))
  const [shown = {}] = ((await listed.json()) as { invoices: object[] }).invoices
  const pages = answerPages(world, shown, many)
  const rss = () => process.memoryUsage().rss
  const before = rss()
  let most = before
  const timer = setInterval(() => (most = Math.max(most, rss())), 50)
  for (const name of ['first', 'next']) {
    const [startedAt, cpu, read] = [performance.now(), process.cpuUsage(), pages()]
    await world.sweep()
    const { user, system } = process.cpuUsage(cpu)
    const seconds = (performance.now() - startedAt) / 1_000
    const said = `${seconds.toFixed(0)} s, ${pages() - read} pages, ${((user + system) / 1e6).toFixed(0)} s of processor time`
    process.stdout.write(`${name} sweep of ${many}: ${said}\n`)
  }
  clearInterval(timer)
  const [row] = await world.bridge.db.execute<{ count: number }>(
    sql`select count(*)::int as count from receivables`,
  )
  const memory = `${Math.round(before / 1e6)} MB before, ${Math.round(most / 1e6)} MB at most`
  process.stdout.write(`${row?.count} invoices in the ledger; ${memory}\n`)
  await world.close()
}

await measure(Number(process.argv[2] ?? 70_000))
process.exit(0)
