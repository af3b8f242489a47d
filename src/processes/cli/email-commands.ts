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
  summary: 'Send a test email and print the reply of the mail server',
  description:
    'The email goes to SMTP_URL directly, not through the queue. Only the code of the reply is printed.',
  arguments: { address: { schema: field.email, help: 'the recipient' } },
  options: {},
  needs: 'configuration',
  run: async ({ config }, { arguments: { address } }) => {
    const { readDeliveryError } = await import('../../platform/mail/delivery-error.ts')
    const { openTransport } = await import('../../platform/mail/transport.ts')
    using transport = openTransport(config.SMTP_URL ?? '', ehloName(config))
    const mail = {
      from: config.MAIL_FROM,
      to: { name: '', address },
      subject: `${config.brand.name} can send email`,
      text: `An operator of ${config.PUBLIC_URL} sent this email to test whether emails arrive. They do.\n`,
      headers: { 'Auto-Submitted': 'auto-generated', 'X-Auto-Response-Suppress': 'All' },
    }
    const sent = await transport.sendMail(mail).then(
      ({ response }) => ({ answer: `SMTP ${String(response).slice(0, 3)}` }),
      error => ({ fault: readDeliveryError(error).text }),
    )
    return 'answer' in sent
      ? done(sent, `The mail server accepted the email: ${sent.answer}.`)
      : refused('NOT_SENT', `The email was not sent: ${sent.fault}.`, sent)
  },
})

const limit = v.pipe(
  v.string(),
  v.regex(/^[1-9]\d{0,3}$/, 'must be a whole number from 1 to 9999'),
  v.transform(Number),
)

const view = ({ id, kind, recipient, attempts, last_error, created_at }: Email) => ({
  id,
  kind,
  recipient,
  attempts,
  last_error,
  created_at: created_at.toISOString(),
})

const failed = command({
  name: 'emails failed',
  summary: 'List the emails that could not be delivered',
  description: 'The newest comes first.',
  arguments: {},
  options: { limit: { value: 'number', schema: limit, help: 'the most emails to list (default 50)' } },
  needs: 'database',
  run: async (deps, { options: { limit = 50 } }) => {
    const { listEmails } = await import('../../features/admin/list-emails.ts')
    const found = await listEmails(deps, { status: 'failed', limit })
    const emails = found.slice(0, limit).map(view)
    const rows = emails.map(email => [
      email.id,
      email.kind,
      email.recipient,
      String(email.attempts),
      email.created_at,
      email.last_error ?? '-',
    ])
    const head = ['ID', 'KIND', 'RECIPIENT', 'ATTEMPTS', 'QUEUED AT', 'LAST ERROR']
    const more = found.length > limit ? `\nThere are more. Use --limit ${limit * 2}.` : ''
    return done(emails, emails.length === 0 ? 'There are no failed emails.' : columns([head, ...rows]) + more)
  },
})

const retry = command({
  name: 'emails retry',
  summary: 'Send emails again that could not be delivered',
  description: 'An email whose link has expired since is not sent.',
  arguments: { id: { schema: v.optional(field.uuid), help: 'the email; leave it out with --all' } },
  options: { all: { help: 'send every failed email' } },
  needs: 'everything',
  run: async (deps, { arguments: { id }, options: { all } }) => {
    if (all === (id !== undefined)) return { usageError: 'Give either <id> or --all.' }
    if (id === undefined) {
      const retried = await retryAll(deps)
      return done(
        { retried },
        retried === 1 ? '1 email is queued again.' : `${retried} emails are queued again.`,
      )
    }
    const { retryEmail } = await import('../../features/admin/retry-email.ts')
    return (await retryEmail(deps, { emailId: id, ...operator })) instanceof Problem
      ? refused('NOT_FOUND', 'There is no failed email with this id.')
      : done({ retried: 1 }, '1 email is queued again.')
  },
})

// Goes page by page from new to old emails, so that an email that fails again is not retried twice.
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
