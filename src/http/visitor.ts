/**
 * Programs that open links in mails and chats before, or instead of, the person whom they are for. Many call
 * themselves something else; what they must not do is kept from everybody (docs/decisions/011).
 */
const ROBOT =
  /bot\b|bot\/|crawl|spider|scan|preview|prefetch|fetcher|safelinks|mimecast|proofpoint|barracuda|ironport|forcepoint|symantec|messagelabs|trendmicro|fireeye|sophos|facebookexternalhit|whatsapp|slack|telegram|skypeuri|discord|embedly|pingdom|uptime|headless|monitor/i

const isPrefetch = (header: string | null) => /prefetch|prerender|preview/i.test(header ?? '')

/** Whether somebody may have come to pay. A look ahead, a picture's source or a robot has not. */
export const isVisit = (request: Request): boolean =>
  isNavigation(request) && !ROBOT.test(request.headers.get('user-agent') ?? '')

/** The same, whoever it is: for links that are in no mail, and that only a page on which somebody pressed opens. */
export function isNavigation({ method, headers }: Request): boolean {
  if (method === 'HEAD') return false
  const purposes = ['sec-purpose', 'purpose', 'x-purpose', 'x-moz']
  if (purposes.some((name) => isPrefetch(headers.get(name)))) return false
  const mode = headers.get('sec-fetch-mode')
  if (mode !== null && mode !== 'navigate') return false
  const destination = headers.get('sec-fetch-dest')
  return destination === null || destination === 'document'
}

/** Whether it says itself that it is a program which looks at links. */
export const isRobot = ({ headers }: Pick<Request, 'headers'>) =>
  ROBOT.test(headers.get('user-agent') ?? '')
