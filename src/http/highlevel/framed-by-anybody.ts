import { secureHeaders } from 'hono/secure-headers'

/**
 * The headers of a page that HighLevel frames, also under the domains of agencies and of sub-accounts. It gets nothing but from
 * us, has no cookie, and no form leaves it: a script answers them, so that nothing typed in becomes part of an address.
 */
export const framedByAnybody = secureHeaders({
  contentSecurityPolicy: {
    defaultSrc: ["'none'"],
    scriptSrc: ["'self'"],
    styleSrc: ["'self'"],
    connectSrc: ["'self'"],
    baseUri: ["'none'"],
    formAction: ["'none'"],
    frameAncestors: ['*'],
  },
  xFrameOptions: false,
  // A frame that the platform has put in a sandbox is of no origin, ours neither.
  crossOriginResourcePolicy: 'cross-origin',
  crossOriginOpenerPolicy: false,
})
