import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'

/** A moment in an SMTP session: the start, a command, or `.` for the end of the content. */
export type SmtpMoment = 'greeting' | 'EHLO' | 'MAIL FROM' | 'RCPT TO' | 'DATA' | '.'

/** The answer of the server: a reply without its line break, null for no reply, or `hang up` to drop the connection. */
export type SmtpAnswer = (
  moment: SmtpMoment,
  line: string,
  /** Sends one byte every 100 ms and never completes a reply. */
  dribble: () => null,
) => Promise<string | null | undefined> | string | null | undefined

/** A mail server whose replies and delays are controlled by the test. */
export type ScriptedSmtp = AsyncDisposable & {
  url: string
  /** Answers like this from now on. If it returns undefined, the server sends the standard reply. */
  answer: (how: SmtpAnswer) => void
  /** The Message-ID of each email that was received completely, accepted or not. */
  contents: string[]
  /** The time of each moment, in milliseconds since 1970. */
  moments: { moment: SmtpMoment; at: number }[]
}

const standard: Record<SmtpMoment, string> = {
  greeting: '220 scripted.example ESMTP',
  EHLO: '250-scripted.example\r\n250 PIPELINING',
  'MAIL FROM': '250 2.1.0 ok',
  'RCPT TO': '250 2.1.5 ok',
  DATA: '354 continue',
  '.': '250 2.0.0 accepted',
}

const commands = ['EHLO', 'MAIL FROM', 'RCPT TO', 'DATA'] as const

/** Opens a scripted mail server on its own port. It implements SMTP itself, so that it can be slow or wrong at any moment. */
export const openScriptedSmtp = async (): Promise<ScriptedSmtp> => {
  const contents: string[] = []
  const moments: ScriptedSmtp['moments'] = []
  const sockets = new Set<Socket>()
  let answer: SmtpAnswer = () => undefined

  const serve = async (socket: Socket): Promise<void> => {
    const say = async (moment: SmtpMoment, line = ''): Promise<string> => {
      moments.push({ moment, at: Date.now() })
      const dribble = (): null => {
        const drip = setInterval(() => socket.write('2'), 100)
        socket.on('close', () => clearInterval(drip))
        return null
      }
      const given = await answer(moment, line, dribble)
      const reply = given === undefined ? standard[moment] : given
      if (reply === 'hang up') socket.destroy()
      else if (reply !== null && socket.writable) socket.write(`${reply}\r\n`)
      return reply ?? ''
    }
    await say('greeting')
    let content: string[] | null = null
    let rest = ''
    for await (const chunk of socket) {
      const lines = (rest + chunk.toString('latin1')).split('\r\n')
      rest = lines.pop() ?? ''
      for (const line of lines) {
        if (content) {
          if (line !== '.') content.push(line)
          else {
            contents.push(/^Message-ID: (.*)$/im.exec(content.join('\n'))?.[1] ?? '')
            content = null
            await say('.')
          }
          continue
        }
        const command = commands.find(each => line.replace('HELO', 'EHLO').startsWith(each))
        if (!command) socket.write(line.startsWith('QUIT') ? '221 bye\r\n' : '250 ok\r\n')
        else if ((await say(command, line)).startsWith('354')) content = []
      }
    }
  }

  const server = createServer(socket => {
    sockets.add(socket.on('close', () => sockets.delete(socket)).on('error', () => {}))
    serve(socket).catch(() => {})
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `smtp://127.0.0.1:${(server.address() as AddressInfo).port}`,
    answer: how => {
      answer = how
    },
    contents,
    moments,
    [Symbol.asyncDispose]: async () => {
      server.close()
      for (const socket of sockets) socket.destroy()
    },
  }
}
