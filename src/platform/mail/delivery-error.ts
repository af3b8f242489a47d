/** What became of an attempt that failed. `final`: a later attempt would be refused too. */
export type DeliveryFault = {
  /** What may be kept: the codes of a reply, or a system error's name. The server's own words quote addresses. */
  text: string
  final: boolean
  /** The command that the server refused, if it refused one. `content` is what follows DATA. */
  refused: string | null
}

// A refusal is final only where it speaks of this recipient or of this content. A refused sender, sign-in or connection
// has to do with the service, and refuses every email alike until an operator mends it: such emails are tried again.
// Status codes are those of RFC 3463 and its registry, reply codes those of RFC 5321, section 4.2.3.

// 5.1: the address, but for 5.1.7 and 5.1.8, which are the sender's. 5.2: the mailbox. 5.7.17 and 5.7.18: its owner has
// changed.
const ofRecipient = /^5\.(?:1\.(?:[012346]|10)|2\.\d+|7\.(?:2|17|18))$/
// 5.3.4: too large. 5.6: media.
const ofContent = /^5\.(?:3\.4|6\.\d+)$/
// No more than the reply code says.
const unspecific = /^5\.0\.0$/

const final: Record<string, { status: readonly RegExp[]; reply: readonly number[] }> = {
  'RCPT TO': { status: [ofRecipient, ofContent], reply: [550, 551, 552, 553, 556] },
  DATA: { status: [ofRecipient, ofContent], reply: [] },
  content: { status: [ofRecipient, ofContent], reply: [550, 551, 552, 553] },
}

// Some servers refuse to relay by a bare 550, which otherwise means that there is no such mailbox.
const ofService = /relay|authenticat/i

/** Reads what a failed delivery came to. */
export const deliveryFault = (error: unknown): DeliveryFault => {
  if (!(error instanceof Error)) return { text: 'unknown', final: false, refused: null }
  const { responseCode, response, command, code } = error as SmtpError
  if (typeof responseCode !== 'number')
    return { text: typeof code === 'string' ? code : error.name, final: false, refused: null }
  const words = typeof response === 'string' ? response : ''
  const status = /^\d{3}[ -]([245]\.\d{1,3}\.\d{1,3})(?=\s|$)/.exec(words)?.[1]
  const refused = code === 'EMESSAGE' ? 'content' : String(command)
  const text = `SMTP ${responseCode}${status ? ` ${status}` : ''}`
  return { text, final: isFinal(refused, responseCode, status, words), refused }
}

type SmtpError = { responseCode?: unknown; response?: unknown; command?: unknown; code?: unknown }

const isFinal = (refused: string, reply: number, status: string | undefined, words: string): boolean => {
  const rule = final[refused]
  if (!rule || reply < 500 || reply > 599) return false
  if (status && !unspecific.test(status)) return rule.status.some(each => each.test(status))
  return rule.reply.includes(reply) && !ofService.test(words)
}
