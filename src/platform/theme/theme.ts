import type { EmailDefinition } from '../catalog/email-definition.ts'
import type { Brand } from '../config/brand.ts'
import { openTemplates, type Templates } from './templates.ts'

/** The brand and the templates of emails and pages. `emails`: those that have templates. */
export type Theme = {
  readonly brand: Brand
  readonly templates: Templates
  readonly emails: readonly EmailDefinition[]
}

/** The part of the configuration that a theme is opened from. */
export type ThemeConfig = { readonly brand: Brand; readonly TEMPLATES_DIR: string | undefined }

export const openTheme = (config: ThemeConfig, emails: readonly EmailDefinition[]): Theme => ({
  emails,
  brand: config.brand,
  templates: openTemplates(config.TEMPLATES_DIR),
})
