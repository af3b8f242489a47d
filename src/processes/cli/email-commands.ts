import * as v from 'valibot'
import type { Deps } from '../../deps.ts'
import * as field from '../../platform/base/fields.ts'
import { Problem } from '../../platform/catalog/problems.ts'
import { ehloName } from '../../platform/config/ehlo-name.ts'
import type { Email } from '../../platform/mail/entity.ts'
import { type Command, command, done, operator, refused } from './command.ts'
import { columns } from './help.ts'

const test = command({
  name: 'emails test',
  summary: 'Send a mail, and say what the mail server answers',
  description: 'Goes to SMTP_URL at once, past the queue. Only the code of the answer is shown.',
  arguments: { address: { schema: field.email, help: 'Who gets the mail' } },
  options: {},
  needs: 'configuration',
  run: async ({ config }, { arguments: { address } }) => {
    const { deliveryFault } = await import('../../platform/mail/delivery-error.ts')
    const { openTransport } = await import('../../platform/mail/transport.ts')
    using transport = openTransport(config.SMTP_URL ?? '', ehloName(config))
    const mail = {
      from: config.MAIL_FROM,
      to: { name: '', address },
      subject: `${config.brand.name} can send email`,
      text: `An operator of ${config.PUBLIC_URL} has asked for this mail, to see whether mails arrive. They do.\n`,
      headers: { 'Auto-Submitted': 'auto-generated', 'X-Auto-Response-Suppress': 'All' },
    }
    const sent = await transport.sendMail(mail).then(
      ({ response }) => ({ answer: `SMTP ${String(response).slice(0, 3)}` }),
      fault => ({ fault: deliveryFault(fault).text }),
    )
    return 'answer' in sent
      ? done(sent, `The mail server took it: ${sent.answer}.`)
      : refused('NOT_SENT', `The mail was not sent: ${sent.fault}.`, sent)
  },
})

const limit = v.pipe(
  v.string(),
  v.regex(/^[1-9]\d{0,3}$/, 'must be a whole number from 1 to 9999'),
  v.transform(Number),
)

const view = ({ id, kind, recipient, attempts, last_error, created_at }: Email) => ({
  ...{ id, kind, recipient, attempts, last_error },
  created_at: created_at.toISOString(),
})

const failed = command({
  name: 'emails failed',
  summary: 'List the mails that were given up',
  description: 'The newest first.',
  arguments: {},
  options: { limit: { value: 'number', schema: limit, help: 'at most so many (50)' } },
  needs: 'database',
  run: async (deps, { options: { limit = 50 } }) => {
    const { listEmails } = await import('../../features/admin/list-emails.ts')
    const found = await listEmails(deps, { status: 'failed', limit })
    const mails = found.slice(0, limit).map(view)
    const rows = mails.map(mail => [
      ...[mail.id, mail.kind, mail.recipient, String(mail.attempts), mail.created_at],
      mail.last_error ?? '-',
    ])
    const head = ['ID', 'KIND', 'RECIPIENT', 'ATTEMPTS', 'OWED AT', 'FAULT']
    const more = found.length > limit ? `\nThere are more: --limit ${limit * 2}` : ''
    return done(mails, mails.length === 0 ? 'No mail was given up.' : columns([head, ...rows]) + more)
  },
})

const retry = command({
  name: 'emails retry',
  summary: 'Send mails again that were given up',
  description: 'A mail whose link has expired meanwhile is dropped.',
  arguments: { id: { schema: v.optional(field.uuid), help: 'The mail, or none with --all' } },
  options: { all: { help: 'every mail that was given up until now' } },
  needs: 'everything',
  run: async (deps, { arguments: { id }, options: { all } }) => {
    if (all === (id !== undefined)) return { misuse: 'Either <id> or --all is to be given.' }
    if (id === undefined) {
      const retried = await retryAll(deps)
      return done({ retried }, retried === 1 ? '1 mail is sent again.' : `${retried} mails are sent again.`)
    }
    const { retryEmail } = await import('../../features/admin/retry-email.ts')
    return (await retryEmail(deps, { emailId: id, ...operator })) instanceof Problem
      ? refused('NOT_FOUND', 'No mail that was given up has this id.')
      : done({ retried: 1 }, '1 mail is sent again.')
  },
})

// Page by page towards older ones, so that a mail which fails again meanwhile is not met twice.
const retryAll = async (deps: Deps): Promise<number> => {
  const { listEmails } = await import('../../features/admin/list-emails.ts')
  const { retryEmail } = await import('../../features/admin/retry-email.ts')
  let retried = 0
  let cursor: string | undefined
  for (;;) {
    const page = await listEmails(deps, { status: 'failed', limit: 100, ...(cursor && { cursor }) })
    for (const { id: emailId } of page)
      if (!((await retryEmail(deps, { emailId, ...operator })) instanceof Problem)) retried++
    cursor = page.at(-1)?.id
    if (!cursor) return retried
  }
}

export const emailCommands: Command[] = [test, failed, retry]
