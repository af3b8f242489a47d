import { parentPort, workerData } from 'node:worker_threads'
import { openTheme, type ThemeConfig } from '../theme/theme.ts'
import { mjmlFaults } from './check-mjml.ts'

// The memory that MJML takes is given back when this thread ends.

const config: ThemeConfig = workerData
parentPort?.postMessage(await mjmlFaults(openTheme(config), config.TEMPLATES_DIR ?? ''))
