import type { secureHeaders } from 'hono/secure-headers'

/**
 * What a customer's page may do: show what we serve, and send its forms to us. A form that is answered by a redirect
 * may go nowhere else, and a checkout is elsewhere. Nobody learns from where, since the address is the key.
 */
export const CUSTOMER_POLICY = (publicUrl: string): Parameters<typeof secureHeaders>[0] => ({
  contentSecurityPolicy: {
    defaultSrc: ["'none'"],
    styleSrc: ["'self'"],
    scriptSrc: ["'self'"],
    imgSrc: ["'self'", 'data:'],
    connectSrc: ["'self'"],
    formAction: publicUrl.startsWith('https:')
      ? ["'self'", 'https:']
      : ["'self'", 'https:', 'http:'],
    baseUri: ["'none'"],
    frameAncestors: ["'none'"],
  },
  xFrameOptions: 'DENY',
  referrerPolicy: 'no-referrer',
  crossOriginOpenerPolicy: 'same-origin',
  permissionsPolicy: { camera: [], geolocation: [], microphone: [], payment: [], usb: [] },
})
