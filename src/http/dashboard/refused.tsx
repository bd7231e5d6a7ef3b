/** @jsxImportSource hono/jsx */
import { Hono } from 'hono'

import { listRefused } from '../../inbox/refused.ts'
import { answerCsv, asCsvAsked } from './csv.ts'
import { Link, When } from './kit.tsx'
import type { DashboardDeps, Env, Show } from './show.tsx'
import { ListHead, Table } from './table.tsx'
import { SOURCE_WORDS } from './words.ts'

/** Webhooks whose signature was not right, one by one: whence, when and why, and nothing of what they said. */
export const refusedPage = (show: Show, { db, now }: DashboardDeps) =>
  new Hono<Env>().get('/', async (c) => {
    const all = (await listRefused(db, now()))
      .flatMap(({ source, latest }) => latest.map((one) => ({ source, ...one })))
      .toSorted((one, other) => other.at.getTime() - one.at.getTime())
    if (asCsvAsked(c)) {
      const rows = all.map(({ at, source, from, reason }) => [
        at.toISOString(),
        source,
        from,
        reason,
      ])
      return answerCsv(c, 'refused', ['refused_at', 'source', 'from', 'reason'], [rows])
    }
    return show(
      c,
      { title: 'Refused', section: 'Deliveries' },
      <>
        <ListHead title="Refused deliveries" to="/deliveries/refused" />
        <div class="intro">
          <p class="soft">
            What came to the addresses of webhooks within a day and was not signed as it should be:
            the newest hundred of each. A wrong secret, a changed endpoint, or a stranger; the
            checks on <Link to="/health">Health</Link> tell which.
          </p>
        </div>
        <Table
          caption="Refused deliveries, the newest first"
          columns={[{ label: 'When', is: 'keep' }, 'To', 'From', 'Why']}
          rows={all.map(({ at, source, from, reason }) => [
            <When at={at} />,
            SOURCE_WORDS[source],
            <code>{from}</code>,
            reason,
          ])}
          empty="None was refused in the last day."
        />
      </>,
    )
  })
