import { parentPort, workerData } from 'node:worker_threads'
import type { EmailDefinition } from '../catalog/email-definition.ts'
import type { ThemeConfig } from '../config/brand.ts'
import { openTheme } from '../theme/theme.ts'
import { mjmlErrors } from './check-mjml.ts'

// A thread of its own: the memory that MJML takes is freed when the thread ends.

const { config, emails }: { config: ThemeConfig; emails: readonly EmailDefinition[] } = workerData
parentPort?.postMessage(await mjmlErrors(openTheme(config, emails), config.TEMPLATES_DIR ?? ''))
