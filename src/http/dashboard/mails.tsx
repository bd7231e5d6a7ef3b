/** @jsxImportSource hono/jsx */
import type { MailRow } from '../../mail/mails.ts'
import { When } from './kit.tsx'
import { Table } from './table.tsx'

const STATES: Record<MailRow['state'], string> = {
  waiting: 'waiting',
  sent: 'sent',
  suppressed: 'not sent',
  folded: 'told by a later one',
  failed: 'not taken',
}

/** What customers were mailed, and what not and why; nothing where mail is off and none ever was. */
export const Mails = ({ mails, isOn }: { mails: readonly MailRow[]; isOn: boolean }) =>
  mails.length === 0 && !isOn ? (
    <></>
  ) : (
    <section aria-labelledby="mails">
      <h2 id="mails">Mails</h2>
      <Table
        caption="Mails to the customer, the newest first"
        columns={['Kind', 'Outcome', 'Why', { label: 'When', is: 'keep' }]}
        rows={mails.map(({ kind, state, reason, tries, endedAt, plannedAt }) => [
          kind,
          state === 'waiting' && tries > 0 ? `tried ${tries} times` : STATES[state],
          reason ?? '–',
          <When at={endedAt ?? plannedAt} />,
        ])}
        empty="None was sent, and none is planned."
      />
    </section>
  )
