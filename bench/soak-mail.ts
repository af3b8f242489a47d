import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import PostalMime from 'postal-mime'
import { SMTPServer, type SMTPServerSession } from 'smtp-server'

/** A mail with a link. `page` is the last part of the link's path, such as `verify-email`. */
export type Letter = { to: string; page: string; token: string; lang: string }

export type Mail = AsyncDisposable & {
  url: string
  /** How often each mail came, by the id of its row in the outbox. */
  came: Map<string, number>
  stop: () => Promise<void>
  start: () => Promise<void>
  /** Answers 451 to every mail. */
  refuse: (refusing: boolean) => void
  /** Greets nobody, and answers no mail that came in whole, until it is let go of. */
  tarpit: (silent: boolean) => void
}

type Seen = { onLetter: (letter: Letter) => void; onMail: (id: string) => void }

const letterOf = async (raw: Buffer, to: string): Promise<Letter | null> => {
  const { text = '' } = await PostalMime.parse(raw)
  const link = /https?:\/\/\S+[?&]token=\S+/.exec(text)?.[0]
  if (!link) return null
  const { pathname, searchParams } = new URL(link)
  const page = pathname.split('/').at(-1) ?? ''
  return { to, page, token: searchParams.get('token') ?? '', lang: searchParams.get('lang') ?? 'en' }
}

const close = (server: SMTPServer): Promise<void> => new Promise(resolve => server.close(() => resolve()))

/** A mail server on 127.0.0.1 that can misbehave. It counts mails and hands on the links in them, and keeps none. */
export const openMail = async ({ onLetter, onMail }: Seen): Promise<Mail> => {
  const came = new Map<string, number>()
  const closed = new WeakSet<SMTPServerSession>()
  let refusing = false
  let letGo: (() => void) | null = null
  let held: Promise<void> | null = null
  let port = 0
  let server: SMTPServer | null = null

  const take = async (raw: Buffer, session: SMTPServerSession): Promise<void> => {
    const id = /^message-id:\s*<([0-9a-f-]{36})@/im.exec(raw.toString('latin1'))?.[1] ?? 'none'
    came.set(id, (came.get(id) ?? 0) + 1)
    onMail(id)
    for (const { address } of session.envelope.rcptTo) {
      const letter = await letterOf(raw, address)
      if (letter) onLetter(letter)
    }
  }

  const start = async (): Promise<void> => {
    server = new SMTPServer({
      disabledCommands: ['AUTH', 'STARTTLS'],
      closeTimeout: 200,
      onConnect: async (_session, done) => {
        await held
        done()
      },
      onClose: session => closed.add(session),
      onData: async (stream, session, done) => {
        const raw = await buffer(stream)
        await held
        if (refusing) return done(Object.assign(new Error('try later'), { responseCode: 451 }))
        // Whoever did not wait for the answer was told nothing: the mail is not ours yet.
        if (closed.has(session)) return done()
        await take(raw, session)
        done()
      },
    })
    server.on('error', () => {})
    server.listen(port, '127.0.0.1')
    await once(server.server, 'listening')
    port = (server.server.address() as AddressInfo).port
  }
  const stop = async (): Promise<void> => {
    if (server) await close(server)
    server = null
  }
  await start()
  return {
    url: `smtp://127.0.0.1:${port}`,
    came,
    start,
    stop,
    refuse: given => {
      refusing = given
    },
    tarpit: silent => {
      letGo?.()
      held = null
      if (silent)
        held = new Promise(resolve => {
          letGo = resolve
        })
    },
    [Symbol.asyncDispose]: async () => {
      letGo?.()
      await stop()
    },
  }
}
