import { Command } from 'commander'

import { migrateOnce, openBridge, type Bridge } from './bridge.ts'
import {
  deadLetters,
  replayMany,
  replayOne,
  type DeadOptions,
  type ReplayOptions,
} from './deliveries/commands.ts'
import { doctorHere, type GivenDoctor } from './doctor/command.ts'
import { createLog } from './log.ts'
import { forget } from './privacy/forget.ts'
import { testMail, type MailTestOptions } from './mail/test-mail.ts'
import { testNotification } from './notify/test-notification.ts'
import { BadOption } from './print/bad-option.ts'
import { listAttention } from './report/attention.ts'
import { explain } from './report/explain.ts'
import { locations, type LocationsOptions } from './report/locations.ts'
import { readPeriod, type GivenPeriod } from './report/period.ts'
import { kept } from './report/kept.ts'
import { links } from './report/links.ts'
import { reconcile } from './report/reconcile.ts'
import { statement } from './report/statement.ts'
import { status, watchStatus } from './report/status.ts'
import { tail } from './report/tail.ts'
import { explainFailure, readProcessSettings, runServer } from './run.ts'
import { dismiss } from './billers/lago/dismiss.ts'
import { readCurrencies, setupHere, type GivenSetup } from './setup/command.ts'
import { BUILD } from './version.ts'

const STANDARD_ERROR = 2
const WRONG_USAGE = 2
/** Two at work, one that listens; one for locks only where something is created. */
const COMMAND_CONNECTIONS = 4
/** What 128 + SIGINT stands for in a shell. */
const INTERRUPTED = 130

const write = (line: string) => void process.stdout.write(`${line}\n`)
const progress = (line: string) => void process.stderr.write(`${line}\n`)
const now = () => new Date()

/** Runs one command on the bridge's own database, beside a running server or without one. */
async function withBridge(run: (bridge: Bridge) => Promise<number>): Promise<number> {
  const { config, isPublicUrlGiven } = readProcessSettings()
  const log = createLog('warn', process.stderr.isTTY, STANDARD_ERROR)
  const connections = COMMAND_CONNECTIONS
  const options = { log, now, fetch: globalThis.fetch, isPublicUrlGiven, connections }
  const bridge = await openBridge(config, options)
  const interrupted = Promise.withResolvers<number>()
  const interrupt = () => interrupted.resolve(INTERRUPTED)
  process.once('SIGINT', interrupt).once('SIGTERM', interrupt)
  try {
    return await Promise.race([run(bridge), interrupted.promise])
  } finally {
    await bridge.close()
  }
}

/** A process that waits for its output to be read, and for nothing else. */
async function end(exitCode: number) {
  await Promise.all(
    [process.stdout, process.stderr].map(
      (stream) => new Promise((resolve) => stream.write('', resolve)),
    ),
  )
  process.exit(exitCode)
}

type GivenStatement = GivenPeriod & { csv: boolean; kept: boolean; source?: string }

const asExitCode =
  <Args extends unknown[]>(command: (...args: Args) => Promise<number>) =>
  async (...args: Args) =>
    end(await command(...args))

const program = new Command('bridge')
  .description('Collects Lago invoices through Dodo Payments and keeps both ledgers in agreement')
  .version(BUILD, '--version', 'prints the release')
  // Wrong usage is told apart from a command that found something wrong; help that was asked for is neither.
  .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : WRONG_USAGE))

program
  .command('serve')
  .description('serve HTTP and work the queue, as `bun run start` does (the default)')
  .action(runServer)

program
  .command('setup')
  .description(
    'makes Lago and Dodo send their events here, with exactly the events in use, and makes the products; run again, it changes nothing',
  )
  .option('--yes', 'do it without asking', false)
  .option('--dry-run', 'only say what would be done', false)
  .option(
    '--currencies <codes>',
    "products for these, like USD,EUR (default: those of Lago's organisation, plans and customers)",
    readCurrencies,
  )
  .option('--env-file <path>', 'read settings from this file too, and write the secret into it')
  .action(asExitCode((given: GivenSetup) => setupHere(given, { write, now })))

program
  .command('doctor')
  .description(
    'looks for everything that setting up gets wrong, and says what mends it; exit code 1 if anything is broken',
  )
  .option('--only <check>', 'one check, or a family of them: lago, dodo.webhook')
  .option('--quiet', 'only what is not well', false)
  .option(
    '--probe',
    'asks both services, in test mode only, what nobody could find out without an account',
    false,
  )
  .option('--yes', 'probe without asking', false)
  .option('--json', 'for programs', false)
  .action(asExitCode((given: GivenDoctor) => doctorHere(given, { write, now })))

program
  .command('migrate')
  .description('bring the schema up to date, as the role that owns it; a start does so as well')
  .option('--grant <role>', 'let this role read and write everything, and create nothing')
  .action(
    asExitCode(async ({ grant }: { grant?: string }) => {
      const config = readProcessSettings().config
      const log = createLog('warn', process.stderr.isTTY, STANDARD_ERROR)
      await migrateOnce(config, { log, grantTo: grant })
      write('The schema is up to date.')
      return 0
    }),
  )

program
  .command('explain <invoice>')
  .description(
    'everything that happened to one invoice (id or number) and why, and what will happen next; ' +
      'also of a payment request or a customer (id), of an order (ord_…, or what its source calls it), ' +
      'of a subscription or a location of HighLevel, ' +
      'and of an id of Dodo (pay_…, ref_…, dp_…, cks_…)',
  )
  .option('--source <source>', 'lago, openfront or highlevel, where two of them use the same id')
  .action(
    asExitCode((idOrNumber: string, options: { source?: string }) =>
      withBridge(({ deps }) => explain(deps, idOrNumber, write, options)),
    ),
  )

program
  .command('dismiss <invoice>')
  .description(
    'puts aside the reason for attention that an invoice (id or number) or an order shows',
  )
  .option('--undo', 'show again what was put aside', false)
  .action(
    asExitCode((idOrNumber: string, { undo }: { undo: boolean }) =>
      withBridge(({ deps }) => dismiss(deps, idOrNumber, { isUndo: undo, write })),
    ),
  )

program
  .command('reconcile')
  .description('one sweep now; prints what it found and mended')
  .option('--dry-run', 'only look', false)
  .action(
    asExitCode(({ dryRun }: { dryRun: boolean }) =>
      withBridge((bridge) => reconcile(bridge, { isDryRun: dryRun }, { write, progress })),
    ),
  )

program
  .command('attention')
  .description('what a person must look at, with the reason; exit code 1 if there is anything')
  .option('--json', 'for programs', false)
  .action(
    asExitCode(({ json }: { json: boolean }) =>
      withBridge(({ deps }) => listAttention(deps, write, { isJson: json })),
    ),
  )

program
  .command('status')
  .description('the overview: money, what waits, what is wrong; exit code 1 if anything is')
  .option('--watch', 'again every five seconds, until it is interrupted', false)
  .action(
    asExitCode(({ watch }: { watch: boolean }) =>
      withBridge(({ deps }) => (watch ? watchStatus(deps, write) : status(deps, write))),
    ),
  )

program
  .command('tail')
  .description('what happens, as it happens, over all invoices')
  .option('--invoice <invoice>', 'only of this one (id or number)')
  .option('--json', 'one object in each line', false)
  .action(
    asExitCode(({ invoice, json }: { invoice?: string; json: boolean }) =>
      withBridge(({ deps }) => tail(deps, { invoice, isJson: json }, write)),
    ),
  )

program
  .command('links <customer>')
  .description('the links to send to one customer (id): to save a card, and to pay what is open')
  .action(asExitCode((payerKey: string) => withBridge(({ deps }) => links(deps, payerKey, write))))

program
  .command('replay [source] [delivery]')
  .description('puts one webhook through again (lago or dodo, and its id), or all that match')
  .option('--source <source>', 'lago or dodo')
  .option('--event <type>', 'like payment.failed')
  .option('--outcome <outcome>', 'read, waiting, kept or failed')
  .option('--about <id>', 'of an invoice, a payment, a subscription, a customer')
  .option('--since <moment>', 'how long ago, like 2h, or when')
  .option('--until <moment>', 'the same')
  .option('--dry-run', 'only count', false)
  .action(
    asExitCode((source: string | undefined, id: string | undefined, options: ReplayOptions) =>
      withBridge(({ deps }) =>
        source !== undefined && id !== undefined
          ? replayOne(deps, [source, id], write)
          : replayMany(deps, { ...options, ...(source !== undefined && { source }) }, write),
      ),
    ),
  )

program
  .command('dead-letters')
  .description('jobs that gave up; exit code 1 if there are any')
  .option('--kind <kind>', 'only of this kind')
  .option('--key <key>', 'only about this one')
  .option('--redrive', 'run them again', false)
  .option('--forget <why>', 'put them away without running them')
  .action(
    asExitCode((options: DeadOptions) =>
      withBridge(({ deps }) => deadLetters(deps, options, write)),
    ),
  )

program
  .command('forget <customer>')
  .description(
    'lets go of the name, the e-mail address and the webhooks of one customer (id) at once',
  )
  .action(asExitCode((payerKey: string) => withBridge(({ deps }) => forget(deps, payerKey, write))))

program
  .command('notify-test')
  .description('sends one notification to ALERT_WEBHOOK_URL and prints the answer')
  .action(
    asExitCode(() =>
      testNotification({ config: readProcessSettings().config, now }, globalThis.fetch, write),
    ),
  )

program
  .command('mail-test <address>')
  .description('sends one mail, as a customer would get it, and prints the answer of the server')
  .option('--kind <kind>', 'which one', 'invoice')
  .option('--language <tag>', 'in which language', 'en')
  .action(
    asExitCode((address: string, options: MailTestOptions) =>
      testMail(readProcessSettings().config, address, options, write),
    ),
  )

program
  .command('locations')
  .description("HighLevel's locations: state, account of each mode, tokens, last call")
  .option('--connect <id>', "put one's provider record and keys right, now")
  .option('--disconnect <id>', 'take its provider record out, until --connect')
  .action(
    asExitCode((options: LocationsOptions) =>
      withBridge(({ deps, highlevel }) => locations({ ...deps, highlevel }, options, write)),
    ),
  )

program
  .command('statement')
  .description('both ledgers side by side; exit code 1 if a difference has no explanation')
  .option('--from <date>', 'first day (default: 30 days)')
  .option('--to <date>', 'last day (default: today)')
  .option('--month <month>', 'a whole month, like 2026-08')
  .option('--tz <zone>', 'whose days they are, like Europe/Paris', 'UTC')
  .option('--csv', 'one row for each payment, refund and dispute', false)
  .option('--source <source>', 'only of lago, openfront or highlevel')
  .option('--kept', 'instead: what Dodo keeps, its fees, tax and payouts', false)
  .action(
    asExitCode(async ({ csv, source, kept: isKept, ...given }: GivenStatement) => {
      const period = readPeriod(given, now())
      return withBridge(({ deps }) =>
        isKept
          ? kept(deps, { period, isCsv: csv }, write)
          : statement(deps, { period, isCsv: csv, source }, write),
      )
    }),
  )

const fail = (error: unknown) => {
  progress(explainFailure('could not go on', error))
  return end(error instanceof BadOption ? WRONG_USAGE : 1)
}
process
  .on('uncaughtException', (error) => void fail(error))
  .on('unhandledRejection', (error) => void fail(error))

try {
  const args = process.argv.slice(2)
  await program.parseAsync(args.length === 0 ? ['serve'] : args, { from: 'user' })
} catch (error) {
  await fail(error)
}
