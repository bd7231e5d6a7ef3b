import { describe, expect, test } from 'bun:test'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { parser } from '@prometheus-io/lezer-promql'
import { parse, stringify } from 'yaml'
import { z } from 'zod'

import { readConfig } from '../../src/config.ts'
import { createMetrics } from '../../src/metrics/metrics.ts'
import { LEDGER_METRICS } from '../../src/metrics/names.ts'
import { ALERTS, endOf, type AlertType } from '../../src/alert-types.ts'
import { REASON_CODES } from '../../src/collect/receivable.ts'
import { anchorOf, REMEDIES } from '../../src/report/remedies.ts'
import { FIRING, NOT_READY, QUIET } from './alert-cases.ts'

const ROOT = new URL('../../', import.meta.url)
const pathOf = (name: string) => fileURLToPath(new URL(name, ROOT))
const RULES = pathOf('deploy/prometheus/bridge.rules.yaml')
const BOARD = pathOf('deploy/grafana/bridge.json')

const Rules = z.object({
  groups: z.array(
    z.object({
      rules: z.array(
        z.object({
          alert: z.string(),
          expr: z.string(),
          for: z.string(),
          labels: z.object({ severity: z.enum(['critical', 'warning']) }),
          annotations: z.object({
            summary: z.string().min(1),
            description: z.string().min(1),
            runbook_url: z.string(),
          }),
        }),
      ),
    }),
  ),
})
const Board = z.object({
  panels: z.array(
    z.object({
      id: z.number(),
      type: z.string(),
      title: z.string(),
      targets: z.array(z.object({ expr: z.string() })).default([]),
    }),
  ),
})

const rules = Rules.parse(parse(await readFile(RULES, 'utf8'))).groups.flatMap(
  (group) => group.rules,
)
const { panels } = Board.parse(JSON.parse(await readFile(BOARD, 'utf8')))
const queries = [
  ...rules.map(({ alert, expr }) => [alert, expr] as const),
  ...panels.flatMap(({ title, targets }) => targets.map(({ expr }) => [title, expr] as const)),
]
const operations = await readFile(pathOf('docs/operations.md'), 'utf8')
const headings = new Set(
  Array.from(operations.matchAll(/^#+ (.+)$/gm), ([, title = '']) =>
    title
      .toLowerCase()
      .replaceAll(/[^a-z0-9 -]/g, '')
      .replaceAll(' ', '-'),
  ),
)

/** Every series that a scrape of the bridge may hold. */
async function knownSeries(): Promise<Set<string>> {
  const metrics = createMetrics(
    readConfig({
      LAGO_API_KEY: 'a-key',
      LAGO_WEBHOOK_HMAC_KEY: 'a-token',
      DODO_API_KEY: 'a-key',
      DODO_WEBHOOK_SECRET: 'whsec_YnJpZGdlLWRvc3NpZXItdGVzdC1zZWNyZXQtMDAwMDAx',
    }),
  )
  metrics.openLedger({
    db: undefined as never,
    queueSchema: 'none',
    isReady: async () => true,
    log: { warn: () => undefined },
  })
  const { text } = await metrics.expose(undefined)
  const typed = Array.from(text.matchAll(/^# TYPE (\S+) (\S+)$/gm), ([, name = '', type]) =>
    type === 'histogram' ? [`${name}_bucket`, `${name}_sum`, `${name}_count`] : [name],
  )
  return new Set([...typed.flat(), ...Object.keys(LEDGER_METRICS)])
}

/** The metrics that an expression names; undefined where it does not parse. */
function metricsIn(expr: string): string[] | undefined {
  const names: string[] = []
  let isBroken = false
  parser.parse(expr).iterate({
    enter: ({ type, from, to }) => {
      if (type.isError) isBroken = true
      if (type.name === 'VectorSelector') names.push(expr.slice(from, to).replace(/[{[].*/s, ''))
    },
  })
  return isBroken ? undefined : names.map((name) => name.trim())
}

describe('the rules and the board', () => {
  test('ask in PromQL for metrics that there are, and for nothing else', async () => {
    const known = await knownSeries()
    const strangers = queries.flatMap(([where, expr]) => {
      const names = metricsIn(expr.replaceAll('$job', 'x').replaceAll('$currency', 'x'))
      if (!names || names.length === 0) return [`${where}: ${expr}`]
      return names.filter((name) => !known.has(name)).map((name) => `${where}: ${name}`)
    })

    expect(strangers).toEqual([])
    expect(metricsIn('sum(bridge_ready')).toBeUndefined()
  })

  test('show a rate as so many a second, and know every currency that was ever asked for', async () => {
    const Unit = z.object({ defaults: z.looseObject({ unit: z.string().optional() }) })
    const shown = z
      .object({
        panels: z.array(z.looseObject({ title: z.string(), fieldConfig: Unit.optional() })),
        templating: z.object({ list: z.array(z.looseObject({ name: z.string() })) }),
      })
      .parse(JSON.parse(await readFile(BOARD, 'utf8')))
    const unitOf = (title: string) =>
      shown.panels.find((one) => one.title === title)?.fieldConfig?.defaults.unit
    const rates = panels.filter(({ targets }) => targets.some(({ expr }) => /\brate\(/.test(expr)))

    expect(rates.length).toBeGreaterThan(5)
    for (const { title } of rates) expect([title, unitOf(title)]).not.toEqual([title, 'short'])
    // Open amounts are there while something is open, and a currency is to be chosen afterwards, too.
    expect(shown.templating.list.find(({ name }) => name === 'currency')?.['definition']).toBe(
      'label_values(bridge_collected_amount_total, currency)',
    )
  })

  test('call nobody at night for what a single shop or location does not answer', () => {
    const critical = rules.filter(({ labels }) => labels.severity === 'critical')
    const selectors = critical.flatMap(({ expr }) =>
      Array.from(expr.matchAll(/bridge_api_requests_total\{?([^}[]*)/g), ([, of = '']) => of),
    )

    expect(selectors.length).toBeGreaterThan(2)
    for (const of of selectors) expect(of).toContain('service=~"lago|dodo"')
  })

  test('leave out no metric of the ledger', () => {
    const asked = new Set(queries.flatMap(([, expr]) => metricsIn(expr) ?? []))
    const left = Object.keys(LEDGER_METRICS).filter((name) => !asked.has(name))

    // The oldest open invoice is a number for tables of one's own.
    expect(left).toEqual(['bridge_open_oldest_age_seconds'])
  })

  test('the panels of the board have ids and places of their own', () => {
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length)
    expect(panels.filter(({ type }) => type === 'row').map(({ title }) => title)).toEqual([
      'Money',
      'Success',
      'People',
      'Webhooks',
      'Work',
      'Services',
      'Process',
    ])
  })
})

describe('docs/operations.md', () => {
  test('has a paragraph for every alert, and its link leads there', () => {
    for (const { alert, annotations } of rules) {
      expect(headings).toContain(alert.toLowerCase())
      expect(annotations.runbook_url).toBe(`docs/operations.md#${alert.toLowerCase()}`)
    }
  })

  test('has a heading for every reason code', () => {
    expect(REASON_CODES.filter((code) => !headings.has(code.replaceAll('_', '-')))).toEqual([])
  })

  test('says of every reason code what the attention page says', () => {
    const paragraphs = new Map(
      Array.from(
        operations.matchAll(/^#### ([a-z-]+)\n\n((?:.+\n)+)/gm),
        ([, code = '', text = '']) => [
          code,
          text
            .trim()
            .replaceAll('\n', ' ')
            .replace(/\. \[([^\]]+)\]\([^)]+\)$/, '. More under “$1”.')
            .replaceAll(/\[([^\]]+)\]\([^)]+\)/g, '$1')
            .replaceAll('`', ''),
        ],
      ),
    )
    for (const code of REASON_CODES)
      expect(REMEDIES[code].remedy).toBe(paragraphs.get(anchorOf(code)) ?? '')
  })

  test('says of every notification when it is told, and what ends it', async () => {
    const rows = (await readFile(pathOf('docs/operations.md'), 'utf8')).split('\n')
    for (const type of Object.keys(ALERTS) as AlertType[]) {
      const row = rows.find((line) => line.startsWith(`| \`${type}\` |`))
      expect(row ?? `no row for ${type}`).toContain(endOf(type) ?? '|')
    }
  })

  test('is linked to by every notification at a heading that is there', async () => {
    const sources = await Promise.all(
      ['conditions', 'occurrences'].map((name) =>
        readFile(pathOf(`src/notify/${name}.ts`), 'utf8'),
      ),
    )
    const anchors = Array.from(
      sources.join('').matchAll(/docsOf\('([^']+)'\)|operations\.md#([a-z-]+)/g),
      ([, one, other]) => one ?? other ?? '',
    )

    expect(anchors.length).toBeGreaterThan(10)
    expect(anchors.filter((anchor) => !headings.has(anchor))).toEqual([])
  })
})

/** Whether an alert fires, or does not, after a hundred minutes. */
const expectation = (alert: string, doesFire: boolean) => {
  const firing = `count(ALERTS{alertname="${alert}",alertstate="firing"})`
  return {
    expr: `${firing} > bool 0`,
    eval_time: '100m',
    exp_samples: doesFire ? [{ labels: '{}', value: 1 }] : [],
  }
}

describe('promtool, where it is installed', () => {
  const promtool = Bun.which('promtool')

  test.skipIf(promtool === null)(
    'finds that every alert fires when it is to, and else not',
    async () => {
      const alerts = rules.map(({ alert }) => alert)
      expect([...Object.keys(FIRING), 'BridgeNotReady'].toSorted()).toEqual(alerts.toSorted())
      const all = new Map(Object.values(FIRING).flatMap((of) => of.map((one) => [one.series, one])))
      const cases = [
        [[...all.values()], Object.keys(FIRING).map((alert) => expectation(alert, true))],
        [NOT_READY, [expectation('BridgeNotReady', true)]],
        [QUIET, alerts.map((alert) => expectation(alert, false))],
      ]
      const tests = cases.map(([series, expected]) => ({
        interval: '1m',
        input_series: series,
        promql_expr_test: expected,
      }))
      const folder = await mkdtemp(join(tmpdir(), 'bridge-rules-'))
      const file = join(folder, 'cases.yaml')
      const suite = { rule_files: [RULES], evaluation_interval: '1m', tests }
      await writeFile(file, stringify(suite, { aliasDuplicateObjects: false }))

      const child = Bun.spawn([promtool ?? '', 'test', 'rules', file], {
        stdout: 'pipe',
        stderr: 'pipe',
      })
      const said = `${await child.stdout.text()}${await child.stderr.text()}`
      await rm(folder, { recursive: true })

      expect(said).toContain('SUCCESS')
    },
  )
})
