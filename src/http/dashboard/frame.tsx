/** @jsxImportSource hono/jsx */
import { raw } from 'hono/html'
import { useContext, type Child } from 'hono/jsx'

import { assetPath } from '../assets.ts'
import { Act, addressOf, Around, Link, type Surroundings } from './kit.tsx'
import { writeMoment } from './words.ts'

const SECTIONS = [
  ['Overview', ''],
  ['Invoices', '/invoices'],
  ['Orders', '/orders'],
  ['Customers', '/customers'],
  ['Attention', '/attention'],
  ['Refunds', '/refunds'],
  ['Disputes', '/disputes'],
  ['Deliveries', '/deliveries'],
  ['Dead letters', '/dead-letters'],
  ['Statement', '/statement'],
  ['Health', '/health'],
  ['Audit', '/health/audit'],
] as const
export type Section = (typeof SECTIONS)[number][0]

/** The session's end is said so long before. */
const WARNED_MS = 10 * 60_000

export type Frame = {
  around: Surroundings
  title: string
  section?: Section | undefined
  isTest: boolean
  /** Whether a shop or HighLevel is served. */
  hasOrders: boolean
  /** How much needs a person. */
  attention: number
  /** What was searched for, to be searched for again. */
  query?: string | undefined
  foot: string
  children?: Child
}

/** A whole page, as it is sent. */
export const renderFrame = (frame: Frame): string =>
  `<!DOCTYPE html>\n${(Document(frame) as { toString(): string }).toString()}`

function Document(frame: Frame) {
  const { around, title, isTest } = frame
  return (
    <Around.Provider value={around}>
      <html lang="en">
        <head>
          <meta charset="utf-8" />
          <meta name="viewport" content="width=device-width, initial-scale=1" />
          <title>{`${title} · Bridge`}</title>
          <link rel="stylesheet" href={`${around.basePath}${assetPath('style.css')}`} />
          <script type="module" src={`${around.basePath}${assetPath('enhance.js')}`}></script>
        </head>
        <body>
          <a class="hidden skip" href="#main">
            Skip to content
          </a>
          <header>
            {isTest && <p class="mode">TEST MODE</p>}
            {around.session && <Head frame={frame} />}
          </header>
          <main id="main" tabindex={-1}>
            <EndingSoon />
            {frame.children}
          </main>
          {around.session && <footer class="foot">{frame.foot}</footer>}
        </body>
      </html>
    </Around.Provider>
  )
}

function Head({ frame }: { frame: Frame }) {
  const { basePath, session } = frame.around
  return (
    <>
      <div class="bar">
        <div>
          <Link to="" class="brand">
            {raw(MARK)}
            <span>
              Lago <span aria-hidden="true">↔</span>
              <span class="hidden">and</span> Dodo bridge
            </span>
          </Link>
          <form class="find" role="search" action={addressOf(basePath, '/search')}>
            <input
              type="search"
              name="q"
              value={frame.query ?? ''}
              aria-label="Search"
              placeholder="Number, customer, any id"
              maxlength={200}
            />
            <button type="submit">Search</button>
          </form>
          <div class="you">
            <span class="soft">{session?.who}</span>
            <Act to="/logout" label="Sign out" />
          </div>
          <details class="menu">
            <summary>Menu</summary>
            <nav aria-label="Sections">
              <Sections frame={frame} />
            </nav>
          </details>
        </div>
      </div>
      <div class="bar links">
        <div>
          <nav aria-label="Sections">
            <Sections frame={frame} />
          </nav>
        </div>
      </div>
    </>
  )
}

const Sections = ({ frame }: { frame: Frame }) => (
  <ul>
    {SECTIONS.filter(([name]) => name !== 'Orders' || frame.hasOrders).map(([name, to]) => (
      <li>
        <Link to={to} current={name === frame.section}>
          {name}
          {name === 'Attention' && frame.attention > 0 && (
            <span class="count">
              <span class="hidden">, </span>
              {frame.attention}
              <span class="hidden"> to look at</span>
            </span>
          )}
        </Link>
      </li>
    ))}
  </ul>
)

function EndingSoon() {
  const { session, now } = useContext(Around)
  if (!session || session.until.getTime() - now.getTime() > WARNED_MS) return <></>
  return (
    <p class="notice warn" role="status">
      You are signed in until {writeMoment(session.until)}. <Link to="/login">Sign in again</Link>
    </p>
  )
}

/** Two ledgers, and what joins them. */
const MARK =
  '<svg viewBox="0 0 24 24" aria-hidden="true"><rect width="24" height="24" rx="6" fill="#1f5fbf"/>' +
  '<path d="M5 8.5h14M5 15.5h14M8 5.5 5 8.5l3 3M16 12.5l3 3-3 3" fill="none" stroke="#fff" stroke-width="1.8" stroke-linecap="round" stroke-linejoin="round"/></svg>'
