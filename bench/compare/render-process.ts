import { emails as allEmails } from '../../src/modules.ts'
import { emails } from '../../src/platform/catalog/emails.ts'
import { readTheme } from '../../src/platform/config/config.ts'
import { compileAll, render } from '../../src/platform/mail/render.ts'
import { openTheme } from '../../src/platform/theme/theme.ts'

// Renders emails one after another for a while, each for another user, and reports how many.

const milliseconds = Number(process.argv[2])
const circumstances = { time: '2026-05-04T12:00:00.000Z', ip: '198.51.100.7', device: 'Firefox, Linux' }

const read = readTheme({})
if ('errors' in read) throw new Error(read.errors.join('\n'))
const theme = openTheme(read.config, allEmails)
await compileAll(theme, ['en'])

const renderThree = async (turn: number): Promise<void> => {
  const name = `Ada ${turn}`
  const link = `https://accounts.example.com/api/v1/auth/verify-email?token=lkp_${turn}`
  const code = String(turn % 1_000_000).padStart(6, '0')
  const values = { name, link, code, hours: '24', remove_link: link }
  await render(theme, emails.verify_email, 'en', { ...values, ...circumstances })
  await render(theme, emails.reset_password, 'en', { name, link, code, minutes: '60' })
  await render(theme, emails.new_device, 'en', { name, link, ...circumstances })
}

for (let turn = 0; turn < 3000; turn++) await renderThree(turn)
const cpu = process.cpuUsage()
const began = performance.now()
let mails = 0
for (; performance.now() - began < milliseconds; mails += 3) await renderThree(mails)
const took = performance.now() - began
const { user, system } = process.cpuUsage(cpu)
process.send?.({ perSecond: (mails / took) * 1000, cpu: (user + system) / mails })
process.on('disconnect', () => process.exit())
