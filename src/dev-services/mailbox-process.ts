import { refuseForeignEverywhere } from '../platform/http/own-pages-only.ts'

// The mailbox of `npm start`: maildev, with access limited to its own pages. Unchanged, maildev answers pages of every
// origin and allows credentials, so any web page could read the emails.

refuseForeignEverywhere()
await import(new URL('bin/maildev.js', import.meta.resolve('maildev')).href)
