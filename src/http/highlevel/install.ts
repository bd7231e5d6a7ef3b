import { readFileSync } from 'node:fs'
import { join } from 'node:path'

import { Hono, type Context } from 'hono'

import { takeConsent, type Consent } from '../../billers/highlevel/install/consent.ts'
import type { Installing } from '../../billers/highlevel/install/installing.ts'
import { findLocation } from '../../billers/highlevel/install/location-rows.ts'
import { consentUrl, SCOPES, SCOPES_OF_AGENCIES } from '../../highlevel/oauth.ts'
import { ROOT } from '../../root.ts'
import { refuseMethod } from '../refuse-method.ts'
import { renderNotice } from './page.tsx'

/** Whoever installs stands before a page; connecting takes a second, unless HighLevel is slow. */
const WAIT_MS = 6_000
const LOOK_MS = 100
const MAX_CODE_LENGTH = 2_000
const LOGO = Uint8Array.from(readFileSync(join(ROOT, 'src/http/highlevel/assets/logo.png')))

/** Where an installation begins and where it comes back to. */
export function highlevelInstall(deps: Installing) {
  const { settings, publicUrl } = deps.highlevel
  const redirectUrl = `${publicUrl}/highlevel/oauth/callback`
  const isForAgencies = settings.allowedCompanies.length > 0
  const scopes = isForAgencies ? [...SCOPES, ...SCOPES_OF_AGENCIES] : SCOPES

  return (
    new Hono()
      .get('/install', (c) => c.redirect(consentUrl({ ...settings, redirectUrl, scopes }), 302))
      .all('/install', (c) => refuseMethod(c, 'GET'))
      .get('/oauth/callback', async (c) => {
        const code = c.req.query('code')
        if (!code || code.length > MAX_CODE_LENGTH) return show(c, 'no_code')
        const consent = await takeConsent(deps, code)
        if (consent.is !== 'installed') return show(c, consent.is)
        return show(
          c,
          (await isConnectedSoon(deps, consent.locationId)) ? 'connected' : 'installed',
        )
      })
      .all('/oauth/callback', (c) => refuseMethod(c, 'GET'))
      // HighLevel's own pages show it, and keep it.
      .get('/logo.png', (c) =>
        c.body(LOGO, 200, {
          'Content-Type': 'image/png',
          'Cache-Control': 'public, max-age=86400',
          'Cross-Origin-Resource-Policy': 'cross-origin',
        }),
      )
      .all('/logo.png', (c) => refuseMethod(c, 'GET'))
  )
}

async function isConnectedSoon({ db }: Installing, locationId: string): Promise<boolean> {
  const endMs = performance.now() + WAIT_MS
  while (performance.now() < endMs) {
    const location = await findLocation(db, locationId)
    if (location?.connectedAs) return true
    if (location?.state !== 'installed' || location.problem) return false
    await Bun.sleep(LOOK_MS)
  }
  return false
}

type Page = { status: 200 | 400 | 403 | 502; title: string; texts: readonly string[] }

const BEGIN_AGAIN = 'Begin again: install the app once more in HighLevel.'

const PAGES: Record<Consent['is'] | 'no_code' | 'connected', Page> = {
  connected: {
    status: 200,
    title: 'Connected',
    texts: [
      'The payment provider is connected.',
      'One thing is left, which only a person can do: in HighLevel, under Payments > Integrations, choose it and press Set as default.',
    ],
  },
  installed: {
    status: 200,
    title: 'Installed',
    texts: [
      'The app is installed, and being connected. This is finished by itself within minutes.',
      'Then, in HighLevel, under Payments > Integrations, choose it and press Set as default.',
    ],
  },
  agency_installed: {
    status: 200,
    title: 'Installed',
    texts: [
      'The app is installed for the agency, and its sub-accounts are being connected. This is finished by itself within minutes.',
      'Then, in each of them, under Payments > Integrations, choose it and press Set as default.',
    ],
  },
  no_code: {
    status: 400,
    title: 'Nothing to install',
    texts: ['This address is where HighLevel leads back to after an installation.', BEGIN_AGAIN],
  },
  refused: {
    status: 400,
    title: 'HighLevel refuses this installation',
    texts: [
      'Its code is not known, or was used already: it is good once.',
      `If the app is not connected, begin again: install it once more in HighLevel.`,
    ],
  },
  not_allowed: {
    status: 403,
    title: 'Not allowed here',
    texts: [
      'Whoever runs this bridge has not allowed this sub-account or agency. Nothing was kept.',
      'Ask them to name it in HIGHLEVEL_LOCATIONS, and install the app again.',
    ],
  },
  unanswered: {
    status: 502,
    title: 'HighLevel did not answer',
    texts: ['The installation is not completed.', BEGIN_AGAIN],
  },
}

function show(c: Context, which: keyof typeof PAGES) {
  const { status, ...notice } = PAGES[which]
  return c.html(renderNotice(notice), status)
}
