import type { secureHeaders } from 'hono/secure-headers'

/** Whether an answer is one of the operator's pages, or a file of theirs. */
export const isOfDashboard = (path: string) => /^\/(?:dashboard|assets)(?:\/|$)/.test(path)

/** What an operator's page may do: ask us, and nobody else; and no text from outside can become a script. */
export const DASHBOARD_POLICY: Parameters<typeof secureHeaders>[0] = {
  contentSecurityPolicy: {
    defaultSrc: ["'none'"],
    styleSrc: ["'self'"],
    scriptSrc: ["'self'"],
    imgSrc: ["'self'", 'data:'],
    connectSrc: ["'self'"],
    formAction: ["'self'"],
    baseUri: ["'none'"],
    frameAncestors: ["'none'"],
  },
  xFrameOptions: 'DENY',
  // Other sites learn nothing. With `no-referrer` browsers send our own forms with `Origin: null` (Fetch, 3.2).
  referrerPolicy: 'same-origin',
  crossOriginOpenerPolicy: 'same-origin',
  permissionsPolicy: { camera: [], geolocation: [], microphone: [], payment: [], usb: [] },
}
