import type { EmailDefinition } from '../catalog/email-definition.ts'
import type { Brand, ThemeConfig } from '../config/brand.ts'
import { openTemplates, type Templates } from './templates.ts'

/** The brand and the templates of emails and pages. `emails`: those that have templates. */
export type Theme = {
  readonly brand: Brand
  readonly templates: Templates
  readonly emails: readonly EmailDefinition[]
}

/** Opens the theme of a deployment. Files are read at their first use. */
export const openTheme = (config: ThemeConfig, emails: readonly EmailDefinition[]): Theme => ({
  emails,
  brand: config.brand,
  templates: openTemplates(config.TEMPLATES_DIR),
})
