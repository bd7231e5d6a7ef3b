import { simpleParser, type ParsedMail } from 'mailparser'
import { SMTPServer, type SMTPServerOptions } from 'smtp-server'

const PATIENCE_MS = 20_000
type Mail = ParsedMail & { recipients: string[] }

/** A real SMTP server on loopback, which keeps what it takes and can be made to refuse. */
export async function openSink(options: SMTPServerOptions = {}) {
  const mails: Mail[] = []
  const behaviour = {
    /** Answers the recipient; an error with a code refuses. */
    recipient: (_address: string): Error | undefined => undefined,
    /** Answers the whole message. */
    data: (): Error | undefined | Promise<Error | undefined> => undefined,
  }
  const server = new SMTPServer({
    disabledCommands: ['STARTTLS', 'AUTH'],
    logger: false,
    onRcptTo: ({ address }, _session, done) => done(behaviour.recipient(address) ?? null),
    onData(stream, session, done) {
      const take = async () => {
        const parsed = await simpleParser(stream)
        const refusal = await behaviour.data()
        if (refusal) return done(refusal)
        const recipients = session.envelope.rcptTo.map(({ address }) => address)
        mails.push({ ...parsed, recipients })
        return done()
      }
      void take()
    },
    ...options,
  })
  server.on('error', () => undefined)
  const port = await new Promise<number>((resolve) => {
    const listening = server.listen(0, '127.0.0.1', () => {
      const address = listening.address()
      resolve(typeof address === 'object' && address ? address.port : 0)
    })
  })
  return {
    url: `smtp://127.0.0.1:${port}`,
    mails,
    behaviour,
    async until(check: () => boolean) {
      const deadline = performance.now() + PATIENCE_MS
      while (!check()) {
        if (performance.now() > deadline)
          throw new Error(`arrived: ${JSON.stringify(mails.map(({ subject }) => subject))}`)
        await Bun.sleep(20)
      }
    },
    close: () => new Promise<void>((resolve) => server.close(() => resolve())),
  }
}

export const refusal = (responseCode: number, text: string) =>
  Object.assign(new Error(text), { responseCode })
