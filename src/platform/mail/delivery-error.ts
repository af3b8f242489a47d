/** Why an attempt failed. */
export type DeliveryFailure = {
  /** What may be stored: the codes of a reply, or the name of a system error. The server's own words quote addresses. */
  text: string
  /** A later attempt would be refused too. */
  isFinal: boolean
  /** The command that the server refused, or null. `content` is what follows DATA. */
  refused: string | null
}

// A refusal is final only if it concerns this recipient or this content. A refused sender, sign-in or connection concerns
// the service and affects every email until an operator fixes it, so such emails are tried again. Status codes are those of
// RFC 3463 and its registry, reply codes those of RFC 5321, section 4.2.3.

// 5.1: the address, except 5.1.7 and 5.1.8, which are the sender's. 5.2: the mailbox. 5.7.17 and 5.7.18: the mailbox has a
// new owner.
const ofRecipient = /^5\.(?:1\.(?:[012346]|10)|2\.\d+|7\.(?:2|17|18))$/
// 5.3.4: too large. 5.6: media.
const ofContent = /^5\.(?:3\.4|6\.\d+)$/
// Says no more than the reply code.
const unspecific = /^5\.0\.0$/

const finalCodes: Record<string, { status: readonly RegExp[]; reply: readonly number[] }> = {
  'RCPT TO': { status: [ofRecipient, ofContent], reply: [550, 551, 552, 553, 556] },
  DATA: { status: [ofRecipient, ofContent], reply: [] },
  content: { status: [ofRecipient, ofContent], reply: [550, 551, 552, 553] },
}

// Some servers refuse to relay with a bare 550, which otherwise means that the mailbox does not exist.
const ofService = /relay|authenticat/i

/** Classifies the error of a delivery attempt. */
export const readDeliveryError = (error: unknown): DeliveryFailure => {
  if (!(error instanceof Error)) return { text: 'unknown', isFinal: false, refused: null }
  const { responseCode, response, command, code } = error as SmtpError
  if (typeof responseCode !== 'number')
    return { text: typeof code === 'string' ? code : error.name, isFinal: false, refused: null }
  const words = typeof response === 'string' ? response : ''
  const status = /^\d{3}[ -]([245]\.\d{1,3}\.\d{1,3})(?=\s|$)/.exec(words)?.[1]
  const refused = code === 'EMESSAGE' ? 'content' : String(command)
  const text = `SMTP ${responseCode}${status ? ` ${status}` : ''}`
  return { text, isFinal: isFinalReply(refused, responseCode, status, words), refused }
}

type SmtpError = { responseCode?: unknown; response?: unknown; command?: unknown; code?: unknown }

const isFinalReply = (refused: string, reply: number, status: string | undefined, words: string): boolean => {
  const rule = finalCodes[refused]
  if (!rule || reply < 500 || reply > 599) return false
  if (status && !unspecific.test(status)) return rule.status.some(each => each.test(status))
  return rule.reply.includes(reply) && !ofService.test(words)
}
