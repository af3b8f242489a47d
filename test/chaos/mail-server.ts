import { type CaughtEmail, openMailSink, type Refusal } from '../mail-sink.ts'
import { openProxy } from '../proxy.ts'
import type { LinkEmail } from './emailed-links.ts'
import { openMovableAddress } from './movable-address.ts'

export type MailServer = AsyncDisposable & {
  url: string
  /** How often each email arrived, by the id of its row in the outbox. */
  arrived: Map<string, number>
  /** Refuses connections. */
  stop: () => Promise<void>
  start: () => Promise<void>
  /** Refuses each email; null accepts again. */
  answer: (refusal: Refusal | null) => Promise<void>
  /** Keeps connections open and answers nothing, until it is called with false. */
  tarpit: (silent: boolean) => void
}

type Hooks = { onLink: (email: LinkEmail) => void; onEmail: (id: string) => void }

const linksOf = ({ link, to }: CaughtEmail): LinkEmail[] => {
  if (!link) return []
  const { pathname, searchParams } = new URL(link)
  const page = pathname.split('/').at(-1) ?? ''
  const [token, lang] = [searchParams.get('token') ?? '', searchParams.get('lang') ?? 'en']
  return to.map(address => ({ to: address, page, token, lang }))
}

/** A mail server with faults. It counts emails and reports their links, and keeps no email. */
export const openMailServer = async ({ onLink, onEmail }: Hooks): Promise<MailServer> => {
  await using opening = new AsyncDisposableStack()
  const arrived = new Map<string, number>()
  const receive = (email: CaughtEmail): void => {
    const id = /^<([0-9a-f-]{36})@/.exec(email.mail.messageId ?? '')?.[1] ?? 'none'
    arrived.set(id, (arrived.get(id) ?? 0) + 1)
    onEmail(id)
    for (const link of linksOf(email)) onLink(link)
  }
  const sink = opening.use(await openMailSink(receive))
  const proxy = opening.use(await openProxy('127.0.0.1', Number(new URL(sink.url).port)))
  const address = opening.use(await openMovableAddress(proxy.through(sink.url)))
  const opened = opening.move()
  return {
    url: address.through(sink.url),
    arrived,
    stop: address.close,
    start: address.reopen,
    answer: sink.answer,
    tarpit: silent => (silent ? proxy.pause() : proxy.heal()),
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  }
}
