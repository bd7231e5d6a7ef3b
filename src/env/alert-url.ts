import { z } from 'zod'

const LOOPBACK = /^(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])$/

/**
 * Where notifications go: https, or http on this machine. It may have a query, as some chats want it. Discord takes
 * what Slack takes only at an address of its own.
 */
export const alertUrl = z
  .url({
    protocol: /^https?$/,
    message: 'write a full URL, like https://hooks.slack.com/services/…',
  })
  .superRefine((text, context) => {
    const url = new URL(text)
    const refuse = (message: string) => context.addIssue({ code: 'custom', message })
    if (url.protocol === 'http:' && !LOOPBACK.test(url.hostname))
      refuse('use https: what is told is not for everybody on the way')
    if (url.username !== '' || url.password !== '') refuse('write it without a name and a password')
    const isDiscord = /^(?:\w+\.)?discord(?:app)?\.com$/.test(url.hostname)
    if (isDiscord && !/\/slack\/?$/.test(url.pathname))
      refuse('append /slack to the address that Discord shows')
  })
